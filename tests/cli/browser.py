# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium over its DevTools pipe: no driver package, no port, no network.

Messages are JSON ended by a zero byte, on descriptors 3 (in) and 4 (out) of the browser.
"""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "chrome-headless-shell")


def find():
    named = os.environ.get("DURA_CHROMIUM")
    return named or next((path for path in map(shutil.which, NAMES) if path), None)


class Browser:
    def __init__(self, path):
        self.profile = tempfile.mkdtemp(prefix="dura-browser-")
        down, self.down = os.pipe()
        self.up, up = os.pipe()
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (down, up)]     # not 3 and 4 themselves

        def place():
            for fd, number in zip(ends, (3, 4)):
                os.dup2(fd, number)

        self.process = subprocess.Popen(
            [path, "--headless", "--no-sandbox",
             "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--hide-scrollbars",
             "--force-color-profile=srgb", "--remote-debugging-pipe", f"--user-data-dir={self.profile}", "about:blank"],
            pass_fds=(3, 4), preexec_fn=place, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in (down, up, *ends):
            os.close(fd)
        self.rest, self.count, self.events, self.session = b"", 0, [], None

    def close(self):
        try:
            self.send("Browser.close", wait=False, browser=True)
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.down)
        os.close(self.up)
        shutil.rmtree(self.profile, ignore_errors=True)

    # ---- messages

    def send(self, method, wait=True, browser=False, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session and not browser:
            message["sessionId"] = self.session
        os.write(self.down, json.dumps(message).encode() + b"\0")
        if not wait:
            return None
        number = self.count
        answer = self.until(lambda m: m.get("id") == number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def message(self, until):
        while b"\0" not in self.rest:
            if not select.select([self.up], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self.up, 1 << 20)
            if not more:
                raise EOFError("the browser is gone")
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def until(self, wanted, seconds=60):
        end = time.monotonic() + seconds
        while True:
            message = self.message(end)
            if wanted(message):
                return message
            self.events.append(message)

    # ---- pages

    def open(self, url, width=1280, height=900, dark=False):
        """A fresh page with everything that it says recorded."""
        target = self.send("Target.createTarget", browser=True, url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", browser=True, targetId=target, flatten=True)["sessionId"]
        self.events = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.size(width, height)
        self.media(dark=dark)
        self.send("Page.navigate", url=url)
        self.until(lambda m: m.get("method") == "Page.loadEventFired")
        self.settle()

    def size(self, width, height=900):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.settle()

    def media(self, dark=False, kind=""):
        self.send("Emulation.setEmulatedMedia", media=kind,
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
                            {"name": "prefers-reduced-motion", "value": "reduce"}])

    def settle(self):
        """Two frames: what was asked for is drawn."""
        self.js("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(r, 30))))")

    def js(self, text):
        answer = self.send("Runtime.evaluate", expression=text, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"].get("exception", {}).get("description", "exception"))
        return answer["result"].get("value")

    CODES = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38,
             "ArrowRight": 39, "ArrowDown": 40}

    def key(self, key, times=1, shift=False):
        text = key if len(key) == 1 else "\r" if key == "Enter" else ""
        for _ in range(times):
            for kind in ("keyDown", "keyUp"):
                self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key if len(key) > 1 else "",
                          modifiers=8 if shift else 0, windowsVirtualKeyCode=self.CODES.get(key, ord(key[0].upper())),
                          **({"text": text} if text and kind == "keyDown" else {}))
        self.settle()

    def mouse(self, kind, x, y, **more):
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def screenshot(self, path, full=True):
        clip = {}
        if full:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1},
                    "captureBeyondViewport": True}
        data = self.send("Page.captureScreenshot", format="png", **clip)["data"]
        with open(path, "wb") as f:
            f.write(base64.b64decode(data))

    def pdf(self):
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])

    # ---- what went wrong

    def errors(self):
        said = []
        for m in self.events:
            if m.get("method") == "Runtime.exceptionThrown":
                d = m["params"]["exceptionDetails"]
                said.append(d.get("exception", {}).get("description") or d["text"])
            if m.get("method") == "Log.entryAdded" and m["params"]["entry"]["level"] == "error":
                said.append(m["params"]["entry"]["text"])
            if m.get("method") == "Runtime.consoleAPICalled" and m["params"]["type"] in ("error", "assert"):
                said.append(json.dumps(m["params"]["args"]))
        return said

    def requests(self):
        return [m["params"]["request"]["url"] for m in self.events if m.get("method") == "Network.requestWillBeSent"]
