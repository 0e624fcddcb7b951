// SPDX-License-Identifier: Apache-2.0
// Draws the story (docs/cmd/report.md) into the page. Everything from the story enters as
// text, never as markup. One view (from, to in milliseconds) drives every drawing.
(function () {
'use strict';

/* ---- small tools ---------------------------------------------------------------------- */

const $ = (id) => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';

function make(node, attrs, children) {
  for (const k in attrs || {}) {
    const v = attrs[k];
    if (v === null || v === undefined || v === false) continue;
    if (k === 'text') node.textContent = v;
    else if (k.startsWith('on')) node.addEventListener(k.slice(2), v);
    else node.setAttribute(k, v === true ? '' : v);
  }
  for (const c of children || []) if (c !== null && c !== undefined) node.append(c);
  return node;
}
const el = (tag, attrs, ...children) => make(document.createElement(tag), attrs, children);
const sv = (tag, attrs, ...children) => make(document.createElementNS(SVG, tag), attrs, children);
const set = (node, attrs) => make(node, attrs, []);
const list = (v) => (Array.isArray(v) ? v : []);
const clamp = (v, lo, hi) => Math.min(hi, Math.max(lo, v));
const plural = (n, one, many) => `${big(n)} ${Number(n) === 1 ? one : many || one + 's'}`;

function big(n) {                    // 1234567 as 1,234,567
  return String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}
function num(v) {
  if (v === null || v === undefined) return '–';
  const a = Math.abs(v);
  if (v !== 0 && (a < 1e-3 || a >= 1e7)) return v.toExponential(2);
  return String(Number(v.toPrecision(5))).replace('-', '−');
}
function bytes(n) {
  return n < 10240 ? `${big(n)} bytes` : n < 10485760 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1048576).toFixed(1)} MiB`;
}
function lasting(ms) {
  const s = ms / 1000;
  if (s < 1) return `${num(ms)} ms`;
  if (s < 120) return `${num(s)} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.round(s / 60 % 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.round(s / 3600 % 24)} h`;
}
const sentence = (t) => (t ? t[0].toUpperCase() + t.slice(1) : '');

/* ---- words ------------------------------------------------------------------------------ */

const BELIEVE = {
  INTACT: ['good', 'Every rule holds, the run was closed, and something outside this folder vouches for it.'],
  CUT: ['hold', 'Consistent as far as it goes, but never closed: power cut, kill, or still running.'],
  UNANCHORED: ['hold', 'The records agree with each other, but nothing outside vouches for them: anybody could have made them.'],
  TAMPERED: ['fail', 'A rule is broken that no power cut can break.'],
};
const DO = {
  isolate: ['fail', 'Isolate'], call_soc: ['fail', 'Call the SOC'], replace_sensor: ['hold', 'Replace sensor'],
  recalibrate: ['c-drift', 'Recalibrate'], freeze_update: ['hold', 'Freeze model updates'], nothing: ['good', 'Nothing to do'],
};
const CAUSES = ['fault', 'drift', 'attack', 'change'];
const CAUSE_WORDS = { normal: 'normal', fault: 'fault', drift: 'drift', attack: 'attack', change: 'announced change', unknown: 'unknown' };
const KINDS = {
  flat: 'a channel froze', range: 'a channel left its physical range', rate: 'a channel jumped',
  missing: 'a channel went silent', time: 'stamps out of order, or gaps', drift_slow: 'small shift with a long onset',
  drift_sudden: 'a step within few samples', drift_spread: 'the noise grew', quiet: 'the noise vanished: replay, or a dead sensor',
  many: 'three or more channels are involved', isolated: 'one of many channels alone', output: 'the model’s answers broke their envelope or drifted',
  backend: 'the model failed or was late', event_asset: 'hostile event on this asset', event_zone: 'hostile event in the same zone',
  event_elsewhere: 'hostile event elsewhere, or not mapped to an asset', recon: 'scans only', config: 'program or parameters written before it began',
  access: 'failed logins, then a success', physical: 'someone was at the cabinet or the cables', maintenance: 'announced, authenticated work',
  calibration: 'announced calibration or replacement', update: 'a release became active or was rolled back', operator: 'stop or release by a person',
  log: 'records lost, or logs gone', clock: 'the wall clock stepped', network_quiet: 'a live security source saw nothing', recovered: 'went back to normal by itself',
};
const MISSING = {
  security: 'No security source ever spoke: an attack could not have been seen on the network.',
  heartbeat: 'The security sources have been silent for longer than their heartbeat.',
  assets: 'Hostile events could not be mapped to assets.',
  trust: 'All network evidence is unauthenticated: anybody on the network could have sent it.',
  drift: 'There is no drift monitor, or one that promises nothing.',
  log: 'Records were lost in this span.',
  clock: 'Nothing says that the clocks of the two logs agree closely enough.',
  window: 'There was more evidence than an incident can hold.',
};
const DRIFT_WHY = {
  short: 'the reference has fewer than 1,000 effective samples', correlated: 'its samples stay correlated after autoregression',
  tails: 'its tails are heavier than a Gaussian’s', constant: 'it never moved, so any change is an alarm',
  held: 'its values repeat: sampled and held elsewhere', trend: 'it moves itself: its halves differ',
};
const LINES = { start: 'Start', release: 'Release', gate: 'Gate', mode: 'Mode', override: 'Override', model: 'Model', monitor: 'Drift monitor', retrain: 'Retraining', label: 'Label', operator: 'Operator', drop: 'Dropped', recover: 'Recovered' };
const TRUST = { none: 'unauthenticated', source: 'authenticated source', local: 'seen by this device' };
const CLOCKS = { none: 'no wall clock', unsynced: 'clock unsynchronised', holdover: 'clock in holdover', synced: 'clock synchronised', authenticated: 'clock authenticated' };

/* ---- the story ----------------------------------------------------------------------------- */

let S;
try {
  S = JSON.parse($('story').textContent);
  if (S.dura_story !== 1) throw new Error(`this page reads story 1, not ${S.dura_story}`);
} catch (e) {
  $('title').textContent = 'The story cannot be read';
  $('facts').textContent = String(e.message || e);
  return;
}
const run = S.run || {};
const B = Object.assign({ from: [], to: [], n: [], actions: [], verdict: [], reasons: [], gseq: [], frame: [], worst: [], record: [] }, S.buckets);
const N = B.from.length;
const SPAN = Math.max(Number(run.ms) || 0, 1);
const ACTIONS = ['ACT', 'HOLD', 'FALLBACK', 'STOP'], VERDICTS = ['GOOD', 'UNKNOWN', 'SUSPECT', 'FAIL', 'MISSING'];
const marks = list(S.marks), cases = list(S.incidents);
const isWall = run.axis === 'wall';

function when(t, digits) {           // a place on the axis as text
  if (!isWall) return `+${num(t / 1000)} s`;
  const iso = new Date(run.begin_ms + t).toISOString();
  return digits ? iso : iso.replace(/\.000Z$/, 'Z').replace('T', ' ');
}
const isoOf = (row) => (row.iso ? row.iso.replace(/\.(\d{3})\d*Z$/, (m, ms) => (ms === '000' ? 'Z' : `.${ms}Z`)).replace('T', ' ') : isWall ? `about ${when(row.t)}` : when(row.t));
const timeTag = (row) => el('time', { datetime: row.iso, text: isoOf(row) });
const worstAction = (k) => { const a = B.actions[k]; return a[3] ? 3 : a[2] ? 2 : a[1] ? 1 : 0; };
const bitsOf = (bits, names) => list(names).filter((_, i) => (bits >>> i) & 1);

// Where bucket k ends: at the next one, unless there is a pause between them.
const END = (() => {
  const steps = [];
  for (let k = 1; k < N; k++) steps.push(B.from[k] - B.to[k - 1]);
  const usual = steps.slice().sort((a, b) => a - b)[steps.length >> 1] || SPAN / Math.max(N, 1) || 1;
  return B.from.map((f, k) => (k + 1 < N && B.from[k + 1] - B.to[k] <= 4 * usual ? B.from[k + 1] : Math.min(B.to[k] + usual, Math.max(SPAN, B.to[k]))));
})();

/* ---- one view, many drawings ----------------------------------------------------------------- */

const view = { from: 0, to: SPAN, cursor: null, band: 0 };
const drawings = [];                 // {host, draw(width)}
let queued = false;

function redraw() {
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => { queued = false; for (const d of drawings) if (d.seen) d.draw(); });
}
const inSight = new IntersectionObserver((entries) => {
  for (const e of entries) { const d = e.target.drawing; d.seen = e.isIntersecting || d.always; if (d.seen) d.draw(); }
}, { rootMargin: '300px' });
function drawing(host, draw, always) {
  const d = { host, seen: false, always, draw: () => { const w = host.clientWidth; if (w > 0) draw(w); } };
  host.drawing = d;
  drawings.push(d);
  inSight.observe(host);
}
window.addEventListener('resize', redraw);

const narrow = (w) => w < 640;
const pads = (w) => (narrow(w) ? { l: 12, r: 12 } : { l: 118, r: 22 });
function scale(w) {
  const p = pads(w), k = (w - p.l - p.r) / (view.to - view.from);
  const x = (t) => p.l + (t - view.from) * k;
  x.l = p.l; x.r = w - p.r; x.back = (px) => view.from + (px - p.l) / k;
  return x;
}
const LEAST = Math.max(SPAN / 20000, Math.min(SPAN, 1));
function look(from, to) {
  let width = clamp(to - from, LEAST, SPAN);
  from = clamp(from, 0, SPAN - width);
  view.from = from;
  view.to = from + width;
  redraw();
}
function zoom(factor, around) {
  const at = around === undefined ? (view.cursor !== null && view.cursor >= view.from && view.cursor <= view.to ? view.cursor : (view.from + view.to) / 2) : around;
  const width = clamp((view.to - view.from) * factor, LEAST, SPAN);
  look(at - (at - view.from) * width / (view.to - view.from), at - (at - view.from) * width / (view.to - view.from) + width);
}
const pan = (share) => { const d = (view.to - view.from) * share; look(view.from + d, view.to + d); };
function keep(t) {                   // into view, with as little movement as possible
  const width = view.to - view.from;
  if (t < view.from || t > view.to) look(t - width / 2, t + width / 2);
  else redraw();
}

// Ticks of the axis: steps a clock has.
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5,
  1728e5, 6048e5, 12096e5, 2592e6, 7776e6, 31536e6];
function ticks(x) {
  const want = (view.to - view.from) / Math.max(2, (x.r - x.l) / 104);
  const step = STEPS.find((s) => s >= want) || 31536e6;
  const zero = isWall ? run.begin_ms : 0, out = [];
  for (let t = Math.ceil((view.from + zero) / step) * step; t <= view.to + zero; t += step) out.push([t - zero, tickText(t, step)]);
  return out;
}
function tickText(t, step) {
  if (!isWall) return step < 1000 ? `${(t / 1000).toFixed(3)} s` : step < 6e4 * 2 ? `${t / 1000} s` : step < 36e5 * 2 ? `${num(t / 6e4)} min` : `${num(t / 36e5)} h`;
  const iso = new Date(t).toISOString();
  if (step < 1000) return iso.slice(11, 23);
  if (step < 6e4) return iso.slice(11, 19);
  if (step < 864e5) return iso.slice(11, 16) === '00:00' ? iso.slice(5, 10) : iso.slice(11, 16);
  return iso.slice(0, 10);
}
function gridLines(g, x, top, bottom) {
  for (const [t] of ticks(x)) g.append(sv('line', { x1: x(t), x2: x(t), y1: top, y2: bottom, class: 'tick' }));
}
function axisTexts(g, x, y) {
  let last = -99;
  for (const [t, text] of ticks(x)) {
    const at = clamp(x(t), x.l + 18, x.r - 22);
    if (at - last < 62) continue;
    g.append(sv('text', { x: at, y, 'text-anchor': 'middle', class: 'axis-label', text }));
    last = at;
  }
}
function firstAt(t) {                // the bucket at or before t
  let lo = 0, hi = N;
  while (lo < hi) { const mid = (lo + hi) >> 1; if (B.from[mid] <= t) lo = mid + 1; else hi = mid; }
  return clamp(lo - 1, 0, Math.max(N - 1, 0));
}
// Pieces of equal value over the buckets in view: f(value, x0, x1).
function pieces(x, valueOf, f) {
  let start = -1, value = null, end = 0;
  for (let k = firstAt(view.from); k <= N; k++) {
    const v = k < N && B.from[k] <= view.to ? valueOf(k) : null;
    const joined = start >= 0 && v === value && B.from[k] - end < 1e-6;
    if (!joined) {
      if (start >= 0 && value !== null) f(value, Math.max(x(B.from[start]), x.l), Math.min(x(end), x.r));
      start = k;
      value = v;
    }
    if (k >= N || B.from[k] > view.to) break;
    end = END[k];
  }
}
function cursorLine(g, x, top, bottom) {
  if (view.cursor === null || view.cursor < view.from || view.cursor > view.to) return;
  const at = x(view.cursor);
  if (view.band > 0) {
    const a = Math.max(x(view.cursor - view.band), x.l), b = Math.min(x(view.cursor + view.band), x.r);
    g.append(sv('rect', { x: a, y: top, width: Math.max(b - a, 0), height: bottom - top, class: 'cursor-band' }));
  }
  g.append(sv('line', { x1: at, x2: at, y1: top, y2: bottom, class: 'cursor' }));
}

/* ---- head ---------------------------------------------------------------------------------------- */

function head() {
  document.title = `${S.title} – dura report`;
  $('title').textContent = S.title;
  const facts = [S.title === S.device ? null : S.device,
    S.mode === 'observe' ? 'mode observe: its answers drive nothing' : S.mode === 'enforce' ? 'mode enforce: its answers are driven' : `mode ${S.mode}`,
    N ? (isWall ? `${when(0)} to ${when(SPAN)}` : 'no wall clock: times count from the first start') : null, N ? lasting(SPAN) : null,
    run.starts > 1 ? `${run.starts} starts` : null];
  for (const f of facts) if (f) $('facts').append(el('span', { text: f }));
  badges();
  believe();
  next();
  figures();
}

function badges() {
  const v = S.verify || {}, p = S.policy || {};
  const rows = [
    [v.demo_key, 'DEMO KEY', 'the seals are made with a public key and prove nothing'],
    [v.development_key, 'DEVELOPMENT KEY', 'the model was released with the key everybody has'],
    [v.unsigned, 'UNSIGNED', 'the device could not sign its seals'],
    [S.reading && !S.reading.complete, 'INCOMPLETE', `nothing could be read behind record ${big(Number((S.reading || {}).next_gseq || 1) - 1)}: ${(S.reading || {}).text}`],
    [p.known === false, 'NO POLICY', 'policy.bin is missing or damaged: names are numbers'],
    [p.matches === false, 'OTHER POLICY', 'policy.bin is not the one the device started with: names and limits may be wrong'],
    [S.mode_changed, 'MODE CHANGED', 'both observe and enforce occur in this run'],
    [run.clock_moved, 'CLOCK WENT BACK', 'between starts the wall clock went back; the axis follows the order of the records'],
  ];
  for (const [on, word, text] of rows) if (on) $('badges').append(el('li', null, el('b', { text: word }), ` ${text}`));
}

const GLYPHS = {                     // shapes differ, so colour is not needed
  good: 'M4 9.5 8 13.5 15 5.5', hold: 'M9.5 3.5V10.5M9.5 13.7V14.5', fail: 'M5 5 14 14M14 5 5 14', 'c-drift': 'M3 12C6 12 6 6 9.5 6S13 9 16 5',
};
const glyph = (tone) => sv('svg', { width: 19, height: 19, viewBox: '0 0 19 19', 'aria-hidden': 'true' },
  sv('circle', { cx: 9.5, cy: 9.5, r: 8.6, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.4, opacity: 0.45 }),
  sv('path', { d: GLYPHS[tone] || GLYPHS.hold, fill: 'none', stroke: 'currentColor', 'stroke-width': 2, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }));

function answer(id, tone, word, say, why) {
  const box = $(id);
  box.style.setProperty('--tone', `var(--${tone})`);
  box.append(el('p', { class: 'word' }, glyph(tone), word), el('p', { class: 'say', text: say }));
  if (why) box.append(typeof why === 'string' ? el('p', { class: 'why', text: why }) : why);
}
function believe() {
  const v = S.verify || {}, known = BELIEVE[v.word];
  if (!known) { answer('believe', 'hold', 'Not verified', v.text || 'The folder could not be verified.', null); return; }
  const place = v.word === 'TAMPERED' && v.file ? ` ${v.rule}: ${v.file}, byte ${big(v.offset)}, record ${big(v.gseq)}.` : '';
  const older = v.word !== 'TAMPERED' && v.rollback_excluded === false ? ' Nothing excludes that this is an older copy.' : '';
  answer('believe', known[0], v.word, sentence(v.text) || known[1], known[1] + place + older);
}
function next() {
  const n = S.next || {}, known = DO[n.do] || ['hold', n.do || 'Unknown'];
  const why = el('p', { class: 'why' }, n.why || '');
  if (n.incident !== null && n.incident !== undefined && cases[n.incident])
    why.append(' ', el('a', { href: `#incident-${n.incident}`, text: 'See the incident.', onclick: () => { $(`incident-${n.incident}`).open = true; } }));
  answer('next', known[0], known[1], n.text || '', why);
}
function figures() {
  const total = Number(run.decisions) || 0, act = list(run.actions), open = cases.filter((c) => c.open).length;
  const alarms = list((S.drift || {}).quantities).reduce((n, q) => n + list(q.alarms).filter((a) => a.direction !== 'back').length, 0);
  const other = ACTIONS.map((a, i) => [a, Number(act[i]) || 0]).filter(([, n], i) => i && n).map(([a, n]) => `${a} ${big(n)}`).join(', ');
  const h = S.health || {};
  const rows = [
    ['Decisions', big(total), N && N < total ? `drawn in ${big(N)} buckets of up to ${big(B.decisions_each)}` : 'each one drawn'],
    ['Decided ACT', total ? `${(100 * (Number(act[0]) || 0) / total).toFixed(act[0] === total ? 0 : 2)} %` : '–', other || 'no HOLD, FALLBACK or STOP'],
    ['Incidents', big(cases.length + Number(S.incidents_left_out || 0)), (S.policy || {}).correlate || cases.length ? (open ? `${open} still open` : cases.length ? 'none open' : 'none found') : 'the device does not correlate'],
    ['Drift alarms', S.drift ? big(alarms) : '–', S.drift ? `${list(S.drift.quantities).length} quantities watched` : 'nothing is watched'],
    ['Lost records', big(h.dropped || 0), `${plural(h.recoveries || 0, 'recovery', 'recoveries')}, ${bytes(h.torn_bytes || 0)} torn`],
  ];
  for (const [a, b, c] of rows) $('figures').append(el('div', null, el('dt', { text: a }), el('dd', null, b, el('small', { text: c }))));
}

/* ---- sections, tables, links ------------------------------------------------------------------------- */

function section(id, title, lead) {
  const s = $(id);
  s.append(el('h2', { id: `${id}-h`, text: title }));
  if (lead) s.append(el('p', { class: 'lead', text: lead }));
  return s;
}
// rows: arrays of text or nodes. heads: [text, class]. Built when first opened.
function fill(caption, heads, rows, cls) {
  const t = el('table', { class: cls }, el('caption', { class: 'sr', text: caption }),
    el('thead', null, el('tr', null, ...heads.map(([h, c]) => el('th', { scope: 'col', class: c, text: h })))));
  const body = el('tbody');
  for (const r of rows)
    body.append(el('tr', null, ...r.map((c, i) => el('td', { class: heads[i][1], 'data-h': heads[i][0] || null }, c === null || c === undefined ? '–' : c))));
  t.append(body);
  return el('div', { class: 'scroll' }, t);
}
const lazy = [];
function table(label, heads, rows) {
  const d = el('details', { class: 'table' }, el('summary', { text: label }));
  const build = () => { if (d.childElementCount === 1) d.append(fill(label, heads, rows(), 'stack')); };
  d.addEventListener('toggle', () => d.open && build());
  lazy.push(() => { build(); d.open = true; });
  return d;
}
function goTo(gseq) {
  const i = marks.findIndex((m) => String(m.gseq) === String(gseq));
  if (i >= 0) { keep(marks[i].t); focusMark(i); return; }
  let k = -1;
  while (k + 1 < N && Number(B.gseq[k + 1]) <= Number(gseq)) k++;
  $('timeline').scrollIntoView({ block: 'start' });
  if (k >= 0) { slideTo(k); slider.focus({ preventScroll: true }); }
}
const link = (gseq) => el('button', { type: 'button', class: 'link', 'aria-label': `Record ${gseq}: show it on the timeline`, onclick: () => goTo(gseq), text: `#${gseq}` });

/* ---- timeline ------------------------------------------------------------------------------------------- */

const INC = 26, SEC = 92, AXIS = 44, DEC = 74, FACTS = 52, VIEW = 10;
let frame, stage, slider, readout, spanText;
const markNodes = [], caseNodes = [];
let caseRows = 1;
const markClass = (m) => (m.severity >= 7 ? 'k-bad' : m.kind === 'event' ? (m.severity >= 4 ? 'k-event' : 'k-mild') : m.kind === 'fact' ? (m.severity >= 4 ? 'k-fact' : 'k-mild') : m.severity >= 4 ? 'k-bad' : 'k-own');

// Incidents whose labels would meet stand in rows of their own, as far as there is room.
const caseEnd = (c) => (c.open ? SPAN : c.to);
const verdictOf = (c) => ((c.incident || {}).verdict in CAUSE_WORDS ? c.incident.verdict : 'unknown');
function placeCases(w) {
  const p = pads(w), k = (w - p.l - p.r) / SPAN, ends = [];
  cases.forEach((c, i) => {
    const text = caseNodes[i].querySelector('text');
    c.wide = c.wide || Math.max(text.getComputedTextLength() + 14, 20);   // the font is the reader's
    const a = Math.min(p.l + c.from * k, w - p.r - c.wide);
    let row = ends.findIndex((e) => e <= a);
    if (row < 0) row = ends.length < 5 ? ends.length : ends.indexOf(Math.min(...ends));
    c.row = row;
    ends[row] = Math.max(p.l + caseEnd(c) * k, a + c.wide) + 3;
  });
  caseRows = Math.max(1, ends.length);
}
// Where things stand, from the top. Narrow pages have a line of text above each lane.
function heights(w) {
  const name = narrow(w) ? 19 : 0, inc = 6 + caseRows * INC + name, sec = inc + SEC, axis = sec + AXIS + name, dec = axis + DEC, facts = dec + FACTS;
  return { inc, sec, axis, dec, facts, all: facts + VIEW + 8 };
}

function timeline() {
  const s = section('timeline', 'Both logs on one time axis', `What the network and the device saw stands above the axis, what the model was let do below it${cases.length ? '; incidents span both.' : '.'}`);
  const button = (text, name, f) => el('button', { type: 'button', 'aria-label': name, title: name, onclick: f, text });
  spanText = el('span', { class: 'span', 'aria-live': 'polite' });
  stage = sv('svg', { role: 'presentation' });
  const keysHelp = el('p', { class: 'sr', id: 'tl-keys', text: 'Plus and minus zoom, left and right arrows pan, Home shows all. Tab goes to incidents, to records of the security log, to decisions and to records of the decision log; there left and right go from one to the next.' });
  frame = el('div', { class: 'frame', tabindex: 0, role: 'group', 'aria-roledescription': 'timeline', 'aria-label': 'Security log and decision log over time', 'aria-describedby': 'tl-keys' }, stage);
  readout = el('div', { class: 'readout', role: 'region', 'aria-label': 'The record at hand', 'aria-live': 'polite' });
  const under = el('div', { class: 'under' }, legend(), marksTable(), runsTable());
  s.append(keysHelp, el('div', { class: 'panel long' },
    el('div', { class: 'zoom', role: 'toolbar', 'aria-label': 'Zoom and pan' }, button('+', 'Zoom in', () => zoom(0.5)), button('−', 'Zoom out', () => zoom(2)),
      button('←', 'Earlier', () => pan(-0.25)), button('→', 'Later', () => pan(0.25)), button('All', 'Show the whole run', () => look(0, SPAN)), spanText),
    frame, readout, under));
  buildStage();
  tell(null);
  pointer();
  drawing(frame, drawStage, true);
}

function legend() {
  const row = (cls, h, text) => el('span', null, sv('svg', { class: 'swatch', width: 12, height: 12, 'aria-hidden': 'true' }, sv('rect', { y: 12 - h, width: 12, height: h, class: cls })), text);
  return el('p', { class: 'keys' }, row('a0', 3, 'ACT: the model’s answer'), row('a1', 6, 'HOLD: the last one, for a while'), row('a2', 9, 'FALLBACK: safe values'), row('a3', 12, 'STOP: stopped by a person'),
    el('span', { text: 'Height of a mark: its severity, 0 to 10. Ringed: evidence of an incident. Shaded in grey: how far a clock may be wrong.' }));
}

function marksTable() {
  const left = S.unmarked || {}, more = ['security', 'decision'].map((l) => Number((left[l] || {}).records || 0));
  const label = `Records with a mark (${big(marks.length)})${more[0] + more[1] ? `; ${big(more[0] + more[1])} lesser ones are counted in grey only` : ''}`;
  return table(label, [['Time (UTC)', 't'], ['Log'], ['Record'], ['Severity', 'num'], ['What', 'text wide']], () => marks.map((m) => [timeTag(m), m.log, link(m.gseq), String(m.severity), m.label + (m.evidence ? ' (evidence)' : '')]));
}
// Buckets in a row with the same worst action and verdict are one line of text.
function spans() {
  const out = [];
  for (let k = 0; k < N; k++) {
    const a = worstAction(k), v = B.verdict[k], p = out[out.length - 1];
    if (p && p.a === a && p.v === v) { p.to = B.to[k]; p.n += B.n[k]; p.reasons |= B.reasons[k]; p.last = k; } else
      out.push({ a, v, from: B.from[k], to: B.to[k], n: B.n[k], reasons: B.reasons[k], first: k, last: k });
  }
  return out;
}
function runsTable() {
  return table('The decision log in words', [['From (UTC)', 't'], ['To', 't'], ['Decisions', 'num'], ['Worst action'], ['Worst input'], ['Why', 'text wide'], ['First record', 'num']],
    () => spans().map((p) => [when(p.from), when(p.to), big(p.n), ACTIONS[p.a], VERDICTS[p.v], bitsOf(p.reasons, (S.words || {}).guard_reasons).join(', ') || '–', link(B.gseq[p.first])]));
}

/* What is drawn once and only moved: marks and incidents keep their focus that way. */
let layerBack, layerCases, layerMarks, layerFront;
function buildStage() {
  layerBack = sv('g', { 'aria-hidden': 'true' });
  layerCases = sv('g', { role: 'list', 'aria-label': 'Incidents' });
  layerMarks = sv('g', { role: 'list', 'aria-label': 'Records' });
  layerFront = sv('g', { 'aria-hidden': 'true' });
  slider = sv('g', { class: 'slide', role: 'slider', tabindex: N ? 0 : -1, 'aria-label': 'Decisions', 'aria-valuemin': 1, 'aria-valuemax': Math.max(N, 1), 'aria-valuenow': 1, 'aria-valuetext': N ? '' : 'none' },
    sv('circle', { class: 'grip', r: 5 }));
  slider.addEventListener('keydown', onSlide);
  slider.addEventListener('focus', () => slideTo(at));
  cases.forEach((c, i) => {
    const v = verdictOf(c), name = `Incident ${c.incident.id}: ${CAUSE_WORDS[v]}, ${when(c.from)} to ${c.open ? 'now, still open' : when(c.to)}`;
    const g = sv('g', { class: `inc k-${v}`, role: 'button', tabindex: i ? -1 : 0, 'aria-label': name }, sv('title', { text: name }),
      sv('rect', { class: 'body', rx: 3, 'stroke-dasharray': { fault: '7 3', drift: '2 3', change: '1 4', unknown: '5 5' }[v] }), sv('rect', { class: 'tab', rx: 3, height: INC - 7 }), sv('text', { text: `${c.incident.id} ${CAUSE_WORDS[v]}${c.open ? ' (open)' : ''}` }));
    g.addEventListener('focus', () => tell({ incident: i }));
    g.addEventListener('click', () => { g.focus({ preventScroll: true }); });
    g.addEventListener('dblclick', () => openCase(i));
    g.addEventListener('keydown', (e) => { if (e.key === 'Enter' || e.key === ' ') { openCase(i); e.preventDefault(); } else rove(e, caseNodes, i); });
    caseNodes.push(g);
    layerCases.append(g);
  });
  marks.forEach((m, i) => markNodes.push(markNode(m, i)));
  for (const log of ['security', 'decision']) {
    const first = marks.findIndex((m) => m.log === log);
    if (first >= 0) markNodes[first].setAttribute('tabindex', 0);
  }
  const of = (log) => markNodes.filter((_, i) => (marks[i].log === log));
  layerMarks.append(...of('security'));
  const below = sv('g', { role: 'list', 'aria-label': 'Records of the decision log' }, ...of('decision'));
  stage.append(layerBack, layerCases, layerMarks, slider, below, layerFront);
}
function markNode(m, i) {
  const up = m.log === 'security', h = up ? 12 + m.severity * 6 : 8 + m.severity * 2.6, y = up ? -h : h, r = m.severity >= 7 ? 5 : 4.2;
  const shape = m.kind === 'event' ? sv('circle', { class: 'head', cy: y, r }) : m.kind === 'fact' ? sv('path', { class: 'head', d: `M0 ${y - r - 1}L${r + 1} ${y}L0 ${y + r + 1}L${-r - 1} ${y}Z` }) : sv('rect', { class: 'head', x: -r + 1, y: y - r + 1, width: 2 * r - 2, height: 2 * r - 2 });
  const name = `${m.label}. ${isoOf(m)}, ${m.log} log, severity ${m.severity}, record ${m.gseq}${m.evidence ? ', evidence of an incident' : ''}`;
  const g = sv('g', { class: `mk ${markClass(m)}`, role: 'button', tabindex: -1, 'aria-label': name }, sv('rect', { class: 'halo', height: SEC - 16, y: up ? -(SEC - 16) : 0 }), sv('line', { class: 'stem', y2: y }), shape, m.evidence ? sv('circle', { class: 'proof', cy: y, r: r + 3 }) : null, sv('circle', { class: 'ring', cy: y, r: r + 5.5 }));
  g.addEventListener('focus', () => { tell({ mark: i }); });
  g.addEventListener('pointerenter', (e) => { if (e.pointerType === 'mouse' && !dragging) tell({ mark: i }); });
  g.addEventListener('click', () => focusMark(i));
  g.addEventListener('keydown', (e) => rove(e, markNodes.filter((_, k) => marks[k].log === m.log), markNodes.filter((_, k) => marks[k].log === m.log).indexOf(g)));
  return g;
}
// One tab stop per group; arrows go on inside it.
function rove(e, nodes, i) {
  const to = e.key === 'ArrowRight' ? i + 1 : e.key === 'ArrowLeft' ? i - 1 : -1;
  if (e.key === 'Escape') { frame.focus(); e.stopPropagation(); return; }
  if (e.key !== 'ArrowRight' && e.key !== 'ArrowLeft') return;
  e.preventDefault();
  e.stopPropagation();
  if (to < 0 || to >= nodes.length) return;
  nodes[i].setAttribute('tabindex', -1);
  nodes[to].setAttribute('tabindex', 0);
  const k = markNodes.indexOf(nodes[to]);
  keep(k >= 0 ? marks[k].t : cases[caseNodes.indexOf(nodes[to])].from);
  drawings.forEach((d) => d.host === frame && d.draw());
  nodes[to].focus({ preventScroll: true });
}
function focusMark(i) {
  for (const n of markNodes) if (marks[markNodes.indexOf(n)].log === marks[i].log && n.getAttribute('tabindex') === '0') n.setAttribute('tabindex', -1);
  markNodes[i].setAttribute('tabindex', 0);
  keep(marks[i].t);
  drawings.forEach((d) => d.host === frame && d.draw());
  frame.scrollIntoView({ block: 'nearest' });
  markNodes[i].focus({ preventScroll: true });
}
function openCase(i) {
  const d = $(`incident-${i}`);
  d.open = true;
  d.scrollIntoView({ block: 'start' });
  d.querySelector('summary').focus({ preventScroll: true });
}

let at = 0;                          // the bucket the slider stands on
function slideTo(k) {
  if (!N) return;
  at = clamp(k, 0, N - 1);
  set(slider, { 'aria-valuenow': at + 1, 'aria-valuetext': bucketName(at) });
  keep(B.from[at]);
  tell({ bucket: at });
}
function onSlide(e) {
  const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[e.key];
  if (e.key === 'Escape') { frame.focus(); e.stopPropagation(); return; }
  if (!step) return;
  e.preventDefault();
  e.stopPropagation();
  slideTo(at + step);
}
function bucketName(k) {
  const n = B.n[k], counts = ACTIONS.map((a, i) => [a, B.actions[k][i]]).filter(([, c]) => c).map(([a, c]) => (n > 1 ? `${a} ${big(c)}` : a)).join(', ');
  return `${n > 1 ? `${big(n)} decisions from frame ${B.frame[k]}` : `Frame ${B.frame[k]}`}: ${counts}; inputs ${n > 1 ? 'at worst ' : ''}${VERDICTS[B.verdict[k]]}`;
}

/* The record at hand, in words and as it was logged. */
function tell(what) {
  const out = [];
  let record = null;
  if (!what) {
    out.push(el('p', { class: 'where', text: 'Point at a mark or a decision, or walk them with Tab and the arrow keys: its record is shown here.' }));
  } else if ('mark' in what) {
    const m = marks[what.mark];
    out.push(el('h3', { text: sentence(m.label) }), el('p', { class: 'where', text: `${isoOf(m)} · ${m.log} log · record ${m.gseq} · severity ${m.severity} · ${CLOCKS[m.clock] || ''}${m.err_us !== undefined ? `, within ±${lasting(m.err_us / 1000)}` : ''}` }));
    record = m.record;
    cursor(m.t, m.err_us);
  } else if ('bucket' in what) {
    const k = what.bucket, why = bitsOf(B.reasons[k], (S.words || {}).guard_reasons);
    out.push(el('h3', { text: bucketName(k) }), el('p', { class: 'where', text: `${when(B.from[k])}${B.to[k] > B.from[k] ? ` to ${when(B.to[k])}` : ''} · record ${B.worst[k]}${B.n[k] > 1 ? ' is the worst of them' : ''}${why.length ? ` · ${why.join(', ')}` : ''}` }));
    record = B.record[k];
    cursor(B.from[k], 0);
  } else {
    const c = cases[what.incident], v = verdictOf(c);
    out.push(el('h3', { text: `Incident ${c.incident.id}: ${CAUSE_WORDS[v]}` }), el('p', { class: 'where', text: `${when(c.from)} to ${c.open ? 'now, still open' : when(c.to)} · score ${c.incident.score} · ${c.incident.margin_dban} decibans ahead of the next cause` }),
      el('p', null, el('button', { type: 'button', class: 'more', onclick: () => openCase(what.incident), text: 'Open the evidence' })));
    cursor(c.from, 0);
  }
  if (record) out.push(el('pre', { tabindex: 0, 'aria-label': 'The record', text: pretty(record) }));
  else if (what && !('incident' in what)) out.push(el('p', { class: 'where', text: 'The record itself is too long to be carried along: dura show DIR --json prints it.' }));
  readout.replaceChildren(...out);
  readout.classList.toggle('on', !!what);
  readout.scrollTop = 0;
  const on = what && 'mark' in what ? what.mark : -1;
  markNodes.forEach((n, i) => n.classList.toggle('on', i === on));
}
function pretty(record) {            // one member a line; short lists stay on theirs
  return Object.keys(record).map((k) => `${k}: ${typeof record[k] === 'object' && record[k] !== null ? JSON.stringify(record[k]).replace(/,"/g, ', "') : record[k]}`).join('\n');
}
function cursor(t, err_us) {
  view.cursor = t;
  view.band = err_us ? err_us / 1000 : 0;
  for (const f of followers) f(firstAt(t), t);
  redraw();
}
const followers = [];

/* ---- drawing the timeline -------------------------------------------------------------------------------- */

let placedAt = 0;
function drawStage(w) {
  if (w !== placedAt) { placeCases(w); placedAt = w; }
  const x = scale(w), y = heights(w);
  set(stage, { width: w, height: y.all });
  layerBack.replaceChildren();
  layerFront.replaceChildren();
  spanText.textContent = view.from <= 0 && view.to >= SPAN ? `All of it: ${lasting(SPAN)}` : `${when(view.from)} to ${when(view.to)} (${lasting(view.to - view.from)})`;
  back(x, y);
  clocks(x, y);
  unmarked(x, y);
  decisions(x, y);
  moveCases(x, y);
  moveMarks(x, y);
  cursorLine(layerFront, x, y.inc, y.facts);
  const k = clamp(at, 0, Math.max(N - 1, 0)), gx = N ? x(B.from[k]) : -99;
  set(slider, { transform: `translate(${clamp(gx, x.l, x.r)} ${y.dec - 4})`, visibility: N && gx >= x.l - 1 && gx <= x.r + 1 ? 'visible' : 'hidden' });
  viewBar(x, y);
}
function back(x, y) {
  const g = layerBack, lane = (name, sub, top, h) => {
    g.append(sv('rect', { x: x.l, y: top, width: x.r - x.l, height: h, class: 'lane-bg' }));
    if (x.l > 40) g.append(sv('text', { x: 16, y: top + 18, class: 'lane-name', text: name }), sv('text', { x: 16, y: top + 34, text: sub }));
    else g.append(sv('text', { x: x.l, y: top - 6, class: 'lane-name', text: `${name}: ${sub}` }));
  };
  lane('Security log', 'events, facts', y.inc, SEC);
  lane('Decision log', 'actions', y.axis, DEC);
  if (x.l > 40) {
    g.append(sv('text', { x: 16, y: y.dec + 18, text: 'its facts' }));
    if (cases.length) g.append(sv('text', { x: 16, y: 20, class: 'lane-name', text: 'Incidents' }));
  }
  gridLines(g, x, y.inc, y.facts);
  g.append(sv('line', { x1: x.l, x2: x.r, y1: y.sec, y2: y.sec, class: 'tick-strong' }), sv('line', { x1: x.l, x2: x.r, y1: y.axis, y2: y.axis, class: 'tick-strong' }),
    sv('line', { x1: x.l, x2: x.r, y1: y.dec, y2: y.dec, class: 'tick-strong' }));
  axisTexts(g, x, y.sec + 17);
  if (x.l > 40) g.append(sv('text', { x: 16, y: y.sec + 17, class: 'lane-name', text: isWall ? 'Time, UTC' : 'Time' }), sv('text', { x: 16, y: y.sec + 35, text: 'clock' }));
}
// The clock: a bar as far as it can be trusted, hatched where nobody set it, and at both
// ends of a piece a shade as wide as its error bound.
function clocks(x, y) {
  const top = y.sec + 24;
  for (const c of list(S.clock)) {
    const a = Math.max(x(c.from), x.l), b = Math.min(x(Math.max(c.to, c.from)), x.r);
    if (b < x.l || a > x.r) continue;
    const trusted = c.quality === 'synced' || c.quality === 'authenticated' || c.quality === 'holdover';
    layerBack.append(sv('rect', { x: a, y: top, width: Math.max(b - a, 1.5), height: 14, fill: trusted ? 'var(--band)' : 'url(#hatch-soft)' }));
    if (c.err_us !== null && c.err_us !== undefined) {
      const half = c.err_us / 1000 * (x.r - x.l) / (view.to - view.from);
      if (half > 0.5) for (const [edge, from] of [[a, a - half], [b, b - half]])
        layerBack.append(sv('rect', { x: clamp(from, x.l, x.r), y: y.inc, width: Math.max(0, Math.min(from + 2 * half, x.r) - clamp(from, x.l, x.r)), height: y.facts - y.inc, class: 'cursor-band', 'data-edge': edge }));
    }
    const text = `${CLOCKS[c.quality] || c.quality}${c.err_us !== null && c.err_us !== undefined ? `, ±${lasting(c.err_us / 1000)}` : trusted ? ', error bound unknown' : ''}`;
    if (b - a > text.length * 6.2) {
      layerBack.append(sv('rect', { x: a + 5, y: top + 1, width: text.length * 5.9 + 6, height: 12, fill: 'var(--surface)', opacity: 0.86 }), sv('text', { x: a + 8, y: top + 11, text }));
    }
  }
}
function unmarked(x, y) {
  for (const [log, base, room] of [['security', y.sec, 30], ['decision', y.facts, 20]]) {
    const u = (S.unmarked || {})[log];
    if (!u || !list(u.n).length) continue;
    const most = Math.max(...u.n), step = SPAN / u.n.length;
    u.n.forEach((n, i) => {
      if (!n || (i + 1) * step < view.from || i * step > view.to) return;
      const h = 3 + room * Math.log1p(n) / Math.log1p(most), a = Math.max(x(i * step), x.l), b = Math.min(x((i + 1) * step), x.r);
      layerBack.append(sv('rect', { x: a, y: base - h, width: Math.max(b - a - 0.5, 0.8), height: h, fill: 'var(--faint)', opacity: 0.35 }));
    });
  }
}
const TALL = [10, 28, 48, 64];
function decisions(x, y) {
  const paths = ['', '', '', ''];
  pieces(x, worstAction, (a, x0, x1) => { if (x1 > x0 - 1) paths[a] += `M${x0.toFixed(1)} ${y.axis}h${Math.max(x1 - x0, 0.8).toFixed(1)}v${TALL[a]}h${(-Math.max(x1 - x0, 0.8)).toFixed(1)}z`; });
  paths.forEach((d, a) => { if (d) layerBack.append(sv('path', { d, class: `a${a}`, opacity: a ? 0.92 : 0.6 })); });
  if (!N) layerBack.append(sv('text', { x: x.l + 10, y: y.axis + 30, text: 'no decision was recorded' }));
}
function moveCases(x, y) {
  const taken = [];                  // per row: where the last label ends
  cases.forEach((c, i) => {
    const a = x(c.from), b = Math.max(x(caseEnd(c)), a + 3), g = caseNodes[i], out = b < x.l || a > x.r;
    g.setAttribute('visibility', out ? 'hidden' : 'visible');
    if (out) return;
    const left = clamp(a, x.l, x.r), right = clamp(b, x.l, x.r), top = 6 + c.row * INC, text = g.querySelector('text'), label = g.querySelector('.tab');
    const tab = Math.min(left, x.r - c.wide), free = tab >= (taken[c.row] || 0);
    if (free) taken[c.row] = tab + c.wide + 2;
    set(g.querySelector('.body'), { x: left, y: top + INC - 9, width: Math.max(right - left, 1), height: y.facts - top - INC + 9 });
    set(label, { x: tab, y: top, width: c.wide, visibility: free ? 'inherit' : 'hidden' });
    set(text, { x: tab + 7, y: top + 14, visibility: free ? 'inherit' : 'hidden' });
  });
}
function moveMarks(x, y) {
  const perMs = (x.r - x.l) / (view.to - view.from);
  marks.forEach((m, i) => {
    const px = x(m.t), g = markNodes[i], out = px < x.l - 1 || px > x.r + 1;
    g.setAttribute('visibility', out ? 'hidden' : 'visible');
    if (out) return;
    g.setAttribute('transform', `translate(${px.toFixed(2)} ${m.log === 'security' ? y.sec : y.dec})`);
    const half = m.err_us === undefined ? 0 : m.err_us / 1000 * perMs;
    set(g.querySelector('.halo'), { x: -half, width: 2 * half, visibility: half > 1 ? 'inherit' : 'hidden' });
  });
}
function viewBar(x, y) {
  const top = y.facts + 6, k = (x.r - x.l) / SPAN;
  if (view.to - view.from > SPAN * 0.999) return;
  layerFront.append(sv('rect', { x: x.l, y: top, width: x.r - x.l, height: 5, rx: 2.5, class: 'view-all' }),
    sv('rect', { x: x.l + view.from * k, y: top, width: Math.max((view.to - view.from) * k, 6), height: 5, rx: 2.5, class: 'view-now' }));
}

/* ---- mouse, touch, keys -------------------------------------------------------------------------------------- */

let dragging = false;
function pointer() {
  let from = null, moved = false;
  frame.addEventListener('pointerdown', (e) => { if (e.button === 0) from = { x: e.clientX, from: view.from, to: view.to, id: e.pointerId }; moved = false; });
  frame.addEventListener('pointermove', (e) => {
    const w = frame.clientWidth, x = scale(w);
    if (from) {
      const d = (e.clientX - from.x) * (from.to - from.from) / (x.r - x.l);
      if (!moved && Math.abs(e.clientX - from.x) > 4) { moved = dragging = true; frame.setPointerCapture(from.id); frame.classList.add('dragging'); }
      if (moved) look(from.from - d, from.to - d);
    } else if (e.pointerType === 'mouse') hover(e);
  });
  const end = () => { from = null; frame.classList.remove('dragging'); setTimeout(() => { dragging = false; }, 0); };
  frame.addEventListener('pointerup', (e) => { if (!moved) hover(e, true); end(); });
  frame.addEventListener('pointercancel', end);
  frame.addEventListener('wheel', (e) => {
    if (!e.ctrlKey && !e.metaKey && !frame.contains(document.activeElement)) return;   // the page scrolls until the frame is used
    e.preventDefault();
    const x = scale(frame.clientWidth);
    if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) pan(e.deltaX / 600);
    else zoom(Math.exp(clamp(e.deltaY, -120, 120) / 240), clamp(x.back(e.clientX - frame.getBoundingClientRect().left), 0, SPAN));
  }, { passive: false });
  frame.addEventListener('dblclick', (e) => { if (!e.target.closest('.inc')) zoom(0.4, clamp(scale(frame.clientWidth).back(e.clientX - frame.getBoundingClientRect().left), 0, SPAN)); });
  frame.addEventListener('keydown', onFrameKey);
}
function hover(e, click) {
  const box = frame.getBoundingClientRect(), x = scale(frame.clientWidth), px = e.clientX - box.left, py = e.clientY - box.top, y = heights(frame.clientWidth);
  if (!N || py < y.axis || py > y.dec || px < x.l || px > x.r) return;
  at = firstAt(x.back(px));
  set(slider, { 'aria-valuenow': at + 1, 'aria-valuetext': bucketName(at) });
  tell({ bucket: at });
  if (click) slider.focus({ preventScroll: true });
}
function onFrameKey(e) {
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const keys = { '+': () => zoom(0.5), '=': () => zoom(0.5), '-': () => zoom(2), _: () => zoom(2), Home: () => look(0, SPAN), ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15) };
  if (!keys[e.key]) return;
  e.preventDefault();
  keys[e.key]();
}

/* ---- incidents ------------------------------------------------------------------------------------------------ */

function incidents() {
  const p = S.policy || {};
  const s = section('incidents', 'Incidents', cases.length ? 'Each verdict is the cause whose evidence weighs most, in decibans (10 decibans: ten times as likely), and it must lead the next cause.' : null);
  if (!cases.length) {
    s.append(el('p', { class: 'lead', text: p.correlate ? 'The device joined both logs all the time and found none.' : 'This policy has no "correlate" section: the device did not join its logs, and reading them again found no incident.' }));
    return;
  }
  if (S.incidents_recorded === false) s.append(el('p', { class: 'lead', text: 'The device itself did not join its logs; these were found by reading them again.' }));
  cases.forEach((c, i) => s.append(caseNode(c, i)));
  if (Number(S.incidents_left_out)) s.append(el('p', { class: 'lead', text: `${plural(S.incidents_left_out, 'milder one is', 'milder ones are')} not shown: dura correlate DIR lists all.` }));
}
function caseNode(c, i) {
  const inc = c.incident, v = verdictOf(c), things = list(c.things).length ? list(c.things) : list(inc.channels);
  const state = c.open ? 'still open' : c.closed_by_person ? 'closed by a person' : 'over';
  const what = [things.length ? things.slice(0, 4).join(', ') + (things.length > 4 ? ` and ${things.length - 4} more` : '') : 'no channel in particular', `score ${inc.score}`, `${inc.margin_dban} decibans ahead`].join(' · ');
  const d = el('details', { class: `incident k-${v}`, id: `incident-${i}` },
    el('summary', null, el('span', { class: 'chip', text: `${inc.id} ${CAUSE_WORDS[v]}` }), el('span', { class: 'what', text: what }), el('span', { class: 'when', text: `${when(c.from)} to ${when(c.to)} (${lasting(Math.max(c.to - c.from, 0))}) · ${state}${c.acknowledged && !c.closed_by_person ? `, acknowledged by ${c.actor}` : c.closed_by_person ? ` (${c.actor})` : ''}` })));
  const build = () => { if (d.childElementCount === 1) d.append(inside(c)); };
  d.addEventListener('toggle', () => d.open && build());
  lazy.push(() => { build(); d.open = true; });
  return d;
}
function inside(c) {
  const inc = c.incident, ev = list(inc.evidence), box = el('div', { class: 'inside' });
  if (inc.untrusted) box.append(el('p', { class: 'note', text: 'Without the unauthenticated evidence this verdict would not stand, so it locks nothing.' }));
  box.append(el('h3', { text: 'What speaks for and against each cause' }), weights(ev, inc.totals || {}));
  box.append(el('h3', { text: 'What would change the verdict' }), el('p', { text: (c.change || {}).text || '–' }));
  const miss = list(inc.missing);
  box.append(el('h3', { text: 'What could not be looked at' }), miss.length ? el('ul', { class: 'plain' }, ...miss.map((m) => el('li', { text: MISSING[m] || m }))) : el('p', { text: 'Nothing was missing.' }));
  const revs = list(c.revisions);
  if (revs.length) {
    box.append(el('h3', { text: 'How the verdict came about' }), fill('Revisions', [['When (UTC)', 't'], ['State'], ['Verdict'], ['Score', 'num'], ['Margin', 'num'], ['Record']],
      revs.map((r) => [when(r.t), r.state, CAUSE_WORDS[r.verdict] || r.verdict, String(r.score), `${r.margin_dban} dB`.replace('dB', 'dban'), link(r.gseq)]), 'stack'));
    if (Number(c.revisions_left_out)) box.append(el('p', { class: 'note', text: `${plural(c.revisions_left_out, 'later revision')} not shown.` }));
  }
  return box;
}
function weights(ev, totals) {
  const largest = (rows) => Math.max(1, ...rows.flatMap((w) => CAUSES.map((k) => Math.abs((w || {})[k] || 0))));
  const of_each = largest(ev.map((e) => e.weights)), of_all = largest([totals]);   // the sums have a scale of their own
  const cell = (cause, v, most) => el('div', { class: `wbar k-${cause}` }, bar(v, most), el('span', { class: 'num', text: (v > 0 ? '+' : v < 0 ? '−' : '') + Math.abs(v) }));
  const rows = ev.map((e) => [el('span', null, sentence(KINDS[e.kind] || e.kind), el('br'), el('span', { class: 'leaf', text: [e.channel, e.event ? `event: ${e.event}` : null, TRUST[e.trust] || e.trust, e.count > 1 ? `${big(e.count)} times` : null].filter(Boolean).join(' · ') })),
    ...CAUSES.map((k) => cell(k, (e.weights || {})[k] || 0, of_each)), el('span', null, link(e.gseq), ' ', el('span', { class: 'leaf', text: e.log }), el('br'), el('span', { class: 'hex leaf', title: 'first bytes of the leaf hash', text: e.leaf }))]);
  const heads = [['Evidence', 'wide text'], ...CAUSES.map((k) => [`${sentence(k)}, dban`, 'w']), ['Record, leaf', 'wide t']];
  rows.push(['All together', ...CAUSES.map((k) => cell(k, totals[k] || 0, of_all)), '']);
  const box = fill('Evidence with its weight for each cause in decibans', heads, rows, 'stack');
  box.querySelector('tbody tr:last-child').className = 'total';
  return box;
}
function bar(v, most) {
  const half = 30, w = Math.abs(v) / most * half;
  return sv('svg', { width: '100%', height: 12, viewBox: '0 0 64 12', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, sv('line', { x1: 32, x2: 32, y1: 0, y2: 12, 'vector-effect': 'non-scaling-stroke' }),
    w > 0 ? sv('rect', { x: v > 0 ? 32 : 32 - w, y: 2.5, width: w, height: 7, opacity: v > 0 ? 0.9 : 0.4 }) : null);
}

/* ---- strips ----------------------------------------------------------------------------------------------------- */

function pathOf(x, y, lo, hi) {      // the band between extremes, broken where there is nothing
  let d = '', up = [], down = [];
  const flush = () => {
    if (up.length) d += up.length === 1 && down.length === 1 ? `M${up[0]}h1` : `M${up.join('L')}L${down.reverse().join('L')}Z`;
    up = []; down = [];
  };
  const first = Math.max(firstAt(view.from) - 1, 0);
  for (let k = first; k < N; k++) {
    if (lo[k] === null || lo[k] === undefined) { flush(); continue; }
    if (k && B.from[k] - END[k - 1] > 1e-6) flush();
    const mid = (B.from[k] + B.to[k]) / 2, px = x(B.n[k] > 1 ? mid : B.from[k]).toFixed(1);
    up.push(`${px} ${y(hi[k]).toFixed(1)}`);
    down.push(`${px} ${y(lo[k]).toFixed(1)}`);
    if (B.from[k] > view.to) break;
  }
  flush();
  return d;
}
function rangeOf(pairs, extra) {
  let lo = Infinity, hi = -Infinity;
  for (const p of pairs) for (const side of [p.lo, p.hi]) for (const v of list(side)) if (v !== null) { lo = Math.min(lo, v); hi = Math.max(hi, v); }
  if (lo > hi) { lo = 0; hi = 1; }
  const near = (hi - lo) || Math.abs(hi) || 1;
  for (const v of extra) if (v !== null && v !== undefined && v > lo - 0.6 * near && v < hi + 0.6 * near) { lo = Math.min(lo, v); hi = Math.max(hi, v); }
  const pad = ((hi - lo) || Math.abs(hi) * 0.1 || 1) * 0.07;
  return [lo - pad, hi + pad];
}
// One strip: a figure with words above and a drawing below. f draws into (g, x, y, w).
function strip(panel, title, unit, words, height, range, f, label) {
  const at_ = el('span', { class: 'at' });
  const host = el('div'), svg = sv('svg', { role: 'img', 'aria-label': label, height }), clip = `clip${drawings.length}`;
  host.append(svg);
  const node = el('figure', { class: 'strip' }, el('figcaption', null, el('b', { text: title }), unit ? el('span', { class: 'unit', text: unit }) : null, el('span', { class: 'words', text: words }), at_), host);
  panel.append(node);
  drawing(host, (w) => {
    const x = scale(w), bottom = height - 18;
    const y = (v) => bottom - (v - range[0]) / (range[1] - range[0]) * (bottom - 6);
    y.bottom = bottom;
    set(svg, { width: w });
    const g = sv('g', { 'clip-path': `url(#${clip})` }), over = sv('g');
    svg.replaceChildren(sv('clipPath', { id: clip }, sv('rect', { x: x.l, y: 0, width: x.r - x.l, height })), g, over);
    gridLines(g, x, 2, bottom);
    f(g, x, y, over, w);
    g.append(sv('line', { x1: x.l, x2: x.r, y1: bottom, y2: bottom, class: 'tick-strong' }));
    cursorLine(g, x, 2, height - 2);
  });
  return at_;
}
function yLabels(over, x, y, range, texts) {
  const inside_ = x.l < 40;
  const inner = range.map((v, i) => [v, i]);
  for (const [v, i] of texts || inner) over.append(sv('text', { x: inside_ ? x.l + 2 : x.l - 8, y: i ? 13 : y.bottom - 3, 'text-anchor': inside_ ? 'start' : 'end', text: typeof v === 'string' ? v : num(Number(v.toPrecision(3))) }));
}
const VTALL = [2, 5, 8, 12, 12];
function verdictBar(g, x, y, column) {
  const paths = ['', '', '', '', ''];
  let tint = '';
  pieces(x, (k) => column[k], (v, x0, x1) => {
    const w = Math.max(x1 - x0, 0.9);
    paths[v] += `M${x0.toFixed(1)} ${y.bottom + 2}h${w.toFixed(1)}v${VTALL[v]}h${(-w).toFixed(1)}z`;
    if (v >= 3) tint += `M${x0.toFixed(1)} 2h${w.toFixed(1)}V${y.bottom}h${(-w).toFixed(1)}z`;
  });
  if (tint) g.append(sv('path', { d: tint, class: 'v3 tint' }));
  paths.forEach((d, v) => d && g.append(sv('path', { d, class: `v${v}` })));
}
function limitLine(g, x, y, range, v, cls) {
  if (v === null || v === undefined || v < range[0] || v > range[1]) return;
  g.append(sv('line', { x1: x.l, x2: x.r, y1: y(v), y2: y(v), class: `limit ${cls || ''}` }));
}
const total = (a) => list(a).reduce((n, v) => n + Number(v), 0);
function verdictWords(counts) {
  const all = total(counts), bad = VERDICTS.map((v, i) => [v, Number(list(counts)[i] || 0), i]).filter(([, n, i]) => n && i).reverse();
  return bad.length ? bad.map(([v, n]) => `${v} ${big(n)}`).join(', ') + ` of ${big(all)}` : all ? `GOOD all ${big(all)} times` : 'never seen';
}
function axisStrip(panel) {
  const host = el('div', { 'aria-hidden': 'true' }), svg = sv('svg', { height: 24 });
  host.append(svg);
  panel.append(host);
  drawing(host, (w) => { const x = scale(w), g = sv('g'); set(svg, { width: w }); svg.replaceChildren(g); axisTexts(g, x, 15); if (x.l > 40) g.append(sv('text', { x: 16, y: 15, text: isWall ? 'Time, UTC' : 'Time' })); });
}
const span2 = (lo, hi, unit) => (lo === null || lo === undefined ? 'no value' : (lo === hi ? num(lo) : `${num(lo)} to ${num(hi)}`) + (unit ? ` ${unit}` : ''));
const unitOf = (u) => ({ Cel: '°C', 'Cel/s': '°C/s' }[u] || u || '');

function channels() {
  const all = list(S.channels);
  const s = section('channels', 'Channels', all.length ? 'Measured values as they came, with the verdict of the sensor checks below each; the lines are the limits of the policy.' : 'No channel was recorded.');
  if (!all.length) return;
  const panel = el('div', { class: 'panel long' });
  s.append(panel);
  panel.append(el('p', { class: 'keys pad' }, ...VERDICTS.map((v, i) => el('span', null, sv('svg', { class: 'swatch', width: 12, height: 12, 'aria-hidden': 'true' }, sv('rect', { y: 12 - VTALL[i], width: 12, height: VTALL[i], class: `v${i}` })), v))));
  for (const c of all) {
    const limits = list(c.limits), range = rangeOf([c], limits), unit = unitOf(c.unit);
    const node = strip(panel, c.name, unit, verdictWords(c.verdicts), 92, range, (g, x, y, over) => {
      verdictBar(g, x, y, list(c.verdict));
      limits.forEach((v, i) => limitLine(g, x, y, range, v, i === 1 || i === 2 ? (v === limits[i === 1 ? 0 : 3] ? 'none' : 'soft') : ''));
      g.append(sv('path', { class: 'value', d: pathOf(x, y, list(c.lo), list(c.hi)) }));
      yLabels(over, x, y, range);
    }, `${c.name}: ${verdictWords(c.verdicts)}; ${span2(c.min, c.max, unit)}`);
    followers.push((k, t) => { node.textContent = `at ${when(t)}: ${span2(list(c.lo)[k], list(c.hi)[k], unit)}, ${VERDICTS[list(c.verdict)[k] || 0]}`; });
  }
  axisStrip(panel);
  panel.append(el('div', { class: 'under' }, table('Channels as a table', [['Channel'], ['Unit'], ['Least', 'num'], ['Greatest', 'num'], ['Last', 'num'], ['Verdicts', 'text wide'], ['Allowed range', 'wide']],
    () => all.map((c) => [c.name, unitOf(c.unit) || '–', num(c.min), num(c.max), num(c.last), verdictWords(c.verdicts), list(c.limits).length ? `${num(c.limits[0])} to ${num(c.limits[3])}` : 'none checked']))));
}

function outputs() {
  const all = list(S.outputs);
  const s = section('outputs', 'Outputs', all.length ? `What was driven, and beside it what was proposed and what the model itself said, where they differ.${S.mode === 'observe' ? ' In observe mode the existing control drives.' : ''}` : 'No output was recorded.');
  if (!all.length) return;
  const panel = el('div', { class: 'panel long' }), key = (cls, text) => el('span', null, sv('svg', { class: 'swatch', width: 22, height: 10, 'aria-hidden': 'true' }, sv('path', { d: 'M0 5H22', class: `value ${cls}` })), text);
  s.append(panel);
  panel.append(el('p', { class: 'keys pad' }, key('', 'driven'), all.some((o) => o.proposed) ? key('second', 'proposed') : null, all.some((o) => o.model) ? key('third', 'the model’s own answer') : null, ...ACTIONS.map((a, i) => el('span', null, sv('svg', { class: 'swatch', width: 12, height: 12, 'aria-hidden': 'true' }, sv('rect', { y: 12 - [3, 6, 9, 12][i], width: 12, height: [3, 6, 9, 12][i], class: `a${i}` })), a))));
  for (const o of all) {
    const range = rangeOf([o.driven, o.proposed].filter(Boolean), [o.lo, o.hi, o.safe]), unit = unitOf(o.unit);
    const words = `envelope ${num(o.lo)} to ${num(o.hi)}${unit ? ` ${unit}` : ''}, safe ${num(o.safe)}`;
    const node = strip(panel, o.name, unit, o.lo === null ? '' : words, 112, range, (g, x, y, over) => {
      actionBar(g, x, y);
      for (const v of [o.lo, o.hi]) limitLine(g, x, y, range, v);
      limitLine(g, x, y, range, o.safe, 'safe');
      ['third', 'second', ''].forEach((cls, i) => { const l = [o.model, o.proposed, o.driven][i]; if (l) g.append(sv('path', { class: `value ${cls}`, d: pathOf(x, y, list(l.lo), list(l.hi)) })); });
      yLabels(over, x, y, range);
    }, `${o.name}: ${words}`);
    followers.push((k, t) => { node.textContent = `at ${when(t)}: driven ${span2(list(o.driven.lo)[k], list(o.driven.hi)[k], unit)}${o.proposed ? `, proposed ${span2(list(o.proposed.lo)[k], list(o.proposed.hi)[k], unit)}` : ''}${o.model ? `, model ${span2(list(o.model.lo)[k], list(o.model.hi)[k], unit)}` : ''}; ${ACTIONS[worstAction(k)]}`; });
  }
  axisStrip(panel);
  panel.append(el('div', { class: 'under' }, table('Actions as a table', [['Action'], ['Decisions', 'num'], ['Share', 'num'], ['Means', 'text wide']], () => ACTIONS.map((a, i) => [a, big(list(run.actions)[i] || 0), run.decisions ? `${(100 * (list(run.actions)[i] || 0) / run.decisions).toFixed(2)} %` : '–',
    ['the model’s answer, within its envelope', 'the last driven answer, for a limited time', 'the policy’s safe values', 'a person stopped the model: safe values until released'][i]]))));
}
function actionBar(g, x, y) {
  const paths = ['', '', '', ''], tall = [3, 6, 10, 13];
  pieces(x, worstAction, (a, x0, x1) => { const w = Math.max(x1 - x0, 0.9); paths[a] += `M${x0.toFixed(1)} ${y.bottom + 2}h${w.toFixed(1)}v${tall[a]}h${(-w).toFixed(1)}z`; });
  paths.forEach((d, a) => d && g.append(sv('path', { d, class: `a${a}` })));
}

function drift() {
  const D = S.drift;
  if (!D) {
    section('drift', 'Drift', (S.policy || {}).known === false ? 'Without the policy nothing is known of what was watched.' : 'This policy has no "drift" section: nothing was watched, and a slow change of the plant would not have been told. dura learn makes the references.');
    return;
  }
  const all = list(D.quantities);
  const s = section('drift', 'Drift', `Each statistic against its limit, on a logarithmic scale. Asked for: ${big(D.arl0)} samples between two false alarms of the whole monitor.`);
  const M = D.monitor || {};
  if (Number(D.selftest)) s.append(el('p', { class: 'lead', text: monitorText(D, M) }));
  else s.append(el('p', { class: 'lead', text: 'The policy asks for no self-test: nothing here proves that the monitor worked. drift.selftest does.' }));
  if (Number(M.requests)) s.append(el('p', { class: 'lead', text: `${plural(M.requests, 'request')} for retraining: a drift stood for ${big(D.confirm)} decisions; see the history.` }));
  const panel = el('div', { class: 'panel long' });
  s.append(panel);
  for (const q of all) {
    const share = list(q.statistic).map((v) => (v > 0 && q.limit > 0 ? clamp(Math.log10(v / q.limit), -6, 3) : null));
    const top = Math.max(1, ...share.filter((v) => v !== null)), range = [-6, top + 0.2], alarms = list(q.alarms);
    const words = alarmWords(q);
    const node = strip(panel, q.name, kindOf(q), words, 84, range, (g, x, y, over) => {
      g.append(sv('path', { class: 'value', d: pathOf(x, y, share, share) }));
      g.append(sv('line', { x1: x.l, x2: x.r, y1: y(0), y2: y(0), class: 'limit' }));
      yLabels(over, x, y, range, [['10⁻⁶', 0]]);
      over.append(sv('text', { x: x.l < 40 ? x.l + 2 : x.l - 8, y: y(0) + (x.l < 40 ? -4 : 4), 'text-anchor': x.l < 40 ? 'start' : 'end', text: 'limit' }));
      for (const a of alarms) {
        if (a.t < view.from || a.t > view.to) continue;
        const px = x(a.t), base = y(0), down = a.direction === 'down' || a.direction === 'narrower';
        g.append(sv('path', { class: `alarm ${a.direction === 'back' ? 'back' : ''}`, d: a.direction === 'back' ? `M${px - 4} ${base - 4}h8v8h-8z` : down ? `M${px - 5.5} ${base - 5}h11l-5.5 10z` : `M${px - 5.5} ${base + 5}h11l-5.5 -10z` }, sv('title', { text: `${when(a.t)}: ${alarmText(a)}` })));
      }
    }, `${q.name}: ${words}`);
    followers.push((k, t) => { const v = list(q.statistic)[k]; node.textContent = v === undefined ? '' : `at ${when(t)}: ${num(v / q.limit)} of its limit`; });
    const why = list(q.why);
    if (why.length) panel.append(el('p', { class: 'note pad', text: `The rate is not promised for ${q.name}: ${why.map((w) => DRIFT_WHY[w] || w).join('; ')}.` }));
  }
  axisStrip(panel);
  panel.append(el('div', { class: 'under' }, table('Alarms as a table', [['Time (UTC)', 't'], ['Of'], ['What', 'text wide'], ['Record']], () => all.flatMap((q) => list(q.alarms).map((a) => [a.t, q.name, alarmText(a), a.gseq])).sort((a, b) => a[0] - b[0]).map((r) => [when(r[0]), r[1], r[2], link(r[3])])),
    table('Watched quantities as a table', [['Name'], ['Kind'], ['Detector'], ['Samples judged', 'num'], ['Limit', 'num'], ['At the end'], ['What the reference cannot promise', 'text wide']], () => all.map((q) => [q.name, q.of, q.detector || 'mixture', big(q.n), num(q.limit), q.alarm ? 'drifted' : 'at its reference', list(q.why).map((w) => DRIFT_WHY[w] || w).join('; ') || 'nothing: the asked rate holds']))));
}
function kindOf(q) { return q.detector && q.detector !== 'mixture' ? `${q.of}, ${q.detector}` : q.of; }
function monitorText(D, M) {
  const bad = Number(M.failures) + Number(M.silences);
  const told = `Every ${big(D.selftest)} decisions a synthetic shift has to be found: ${plural(M.heartbeats, 'heartbeat')}`;
  return bad ? `${told}, but the monitor failed to prove that it works ${plural(bad, 'time')}: what it did not say then means nothing; see the history.` : `${told}, none missed, late or silent.`;
}
function alarmText(a) {
  if (a.direction === 'back') return 'back at its reference';
  const blamed = list(a.blamed).length ? `; explained least: ${list(a.blamed).join(', ')}` : '';
  if (a.direction === 'shape') return `changed its shape, ${num(a.size)} of the probability moved, began about ${plural(a.onset, 'sample')} before; ${num(a.of_limit)} of its limit`;
  const size = a.direction === 'wider' || a.direction === 'narrower' ? `spread ×${num(a.size)}` : `by ${num(a.size)} deviations`;
  return `${a.direction}, ${size}, began about ${plural(a.onset, 'sample')} before; ${num(a.of_limit)} of its limit${blamed}`;
}
function alarmWords(q) {
  const n = list(q.alarms).filter((a) => a.direction !== 'back').length + Number(q.alarms_left_out || 0);
  return n ? `${plural(n, 'alarm')}${q.alarm ? ', drifted at the end' : ', back at the end'}` : 'no alarm';
}

/* ---- history, health ------------------------------------------------------------------------------------------------ */

function history() {
  const all = list(S.history);
  const s = section('history', 'Model, releases and people', all.length ? 'Starts of the device, models that answered, releases through the gate with what held them up, mode changes, and what people did.' : 'Nothing was recorded about models, releases or people.');
  if (all.length) s.append(el('div', { class: 'panel long pad' }, fill('History', [['Time (UTC)', 't'], ['What'], ['In words', 'text wide'], ['Record']], all.map((l) => [timeTag(l), LINES[l.kind] || l.kind, sentence(l.text), link(l.gseq)]), 'stack')));
  if (Number(S.history_left_out)) s.append(el('p', { class: 'lead', text: `${plural(S.history_left_out, 'further line')} not shown: dura show DIR lists all.` }));
  const p = S.policy || {};
  if (p.known !== false && !p.updates) s.append(el('p', { class: 'lead', text: 'This policy has no "updates" section: the device takes no releases, and the factory model answers.' }));
}
function health() {
  const h = S.health || {}, r = h.records || {}, v = S.verify || {};
  const s = section('health', 'Health of the logs', null);
  const seal = (l) => (l ? el('dd', null, `#${l.gseq}`, el('small', { text: `${l.text}, ${isoOf(l)}` })) : el('dd', { text: 'never sealed' }));
  const row = (name, ...value) => el('div', null, el('dt', { text: name }), value[0] instanceof Element ? value[0] : el('dd', null, value[0], value[1] ? el('small', { text: value[1] }) : null));
  s.append(el('dl', { class: 'panel grid' },
    row('Security log', plural(r.security || 0, 'record')), row('Decision log', plural(r.decision || 0, 'record'), bytes(h.bytes || 0) + ' in both logs'),
    row('Epochs', big(h.epochs || 0), plural(h.seals || 0, 'seal')), row('Covered by a good seal', h.sealed ? `records below ${big(h.sealed)}` : 'nothing', v.closed ? 'the run was closed' : 'the run was not closed'),
    row('Last seal, security', seal(h.last_seal_security)), row('Last seal, decision', seal(h.last_seal_decision)),
    row('Records lost', big(h.dropped || 0), h.dropped ? 'the device had no room for them' : 'the device dropped none'), row('Recoveries', big(h.recoveries || 0), h.recoveries ? 'starts after a cut or a kill' : 'every stop was clean, or there was one start'),
    row('Torn bytes', big(h.torn_bytes || 0), h.torn_bytes ? 'behind the last whole record' : 'none behind the last record'),
    row('Reading', S.reading && !S.reading.complete ? 'ended early' : 'complete', S.reading && !S.reading.complete ? S.reading.text : 'every record was read')));
  const t = list(h.troubles);
  if (t.length) s.append(el('div', { class: 'panel long pad' }, fill('Losses and recoveries', [['Time (UTC)', 't'], ['What'], ['In words', 'text wide'], ['Record']], t.map((l) => [timeTag(l), LINES[l.kind] || l.kind, sentence(l.text), link(l.gseq)]), 'stack')));
  if (v.origin) s.append(el('p', { class: 'lead' }, 'Origin ', el('span', { class: 'hex', text: v.origin }), ', first key ', el('span', { class: 'hex', text: v.key })));
}

/* ---- theme, print, start ------------------------------------------------------------------------------------------------ */

function controls() {
  const order = ['system', 'light', 'dark'];
  let theme = 0;
  $('theme').addEventListener('click', () => {
    theme = (theme + 1) % 3;
    if (theme) document.documentElement.dataset.theme = order[theme];
    else delete document.documentElement.dataset.theme;
    $('theme').textContent = `Theme: ${order[theme]}`;
  });
  $('print').addEventListener('click', () => window.print());
  let were = null;
  window.addEventListener('beforeprint', () => {
    were = [...document.querySelectorAll('details')].map((d) => [d, d.open]);
    document.documentElement.classList.add('printing');
    for (const f of lazy) f();
    look(0, SPAN);
    for (const d of drawings) d.draw();
  });
  window.addEventListener('afterprint', () => { document.documentElement.classList.remove('printing'); for (const [d, open] of were || []) d.open = open; redraw(); });
  if (/^#incident-\d+$/.test(location.hash) && $(location.hash.slice(1))) $(location.hash.slice(1)).open = true;
}

head();
timeline();
incidents();
channels();
outputs();
drift();
history();
health();
controls();
$('foot').textContent = `Made by dura ${S.dura}. This page holds everything it shows and asks nobody for anything. It shows what was recorded; what the record is worth stands at the top. dura is not a safety function.`;
})();
