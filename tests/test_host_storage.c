/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions on files: what a log sees through the hooks, what lies in the folder, and what
 * happens when the disk is full, the folder taken, or a name is not what it seems.
 */
#include "dt.h"
#include "host/dura_host_storage_io.h"

#include <dura/host/storage.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEG 4096u

/* ---- a scratch folder per test --------------------------------------------------------- */

typedef struct scratch {
    char dir[64], log[96], file[96];
} scratch;

static void scratch_open(scratch *s)
{
    snprintf(s->dir, sizeof s->dir, "/tmp/dt-storage-XXXXXX");
    dt_ok(mkdtemp(s->dir) != NULL, "scratch folder");
    snprintf(s->log, sizeof s->log, "%s/x.log", s->dir);
    snprintf(s->file, sizeof s->file, "%s/nv", s->dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
    (void)st;
    (void)type;
    (void)w;
    return remove(path);
}

static void scratch_close(scratch *s)
{
    nftw(s->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void must_open(dura_files *f, const char *folder)
{
    dura_error err = {0};
    int rc = dura_files_open(f, folder, SEG, DURA_FILES_CREATE, &err);
    dt_eq(rc, DURA_OK, "%.200s", err.text);
}

static long long size_of(const char *folder, const char *name)
{
    char path[160];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &st) == 0 ? (long long)st.st_size : -1;
}

static int all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return 0;
    return 1;
}

static int lists(const char *text, const char *word)
{
    return strstr(text, word) != NULL;
}

/* ---- segment folders --------------------------------------------------------------------- */

DT_TEST(files_open, describes_its_region)
{
    static const struct {
        uint32_t segment;
        uint64_t size;
    } row[] = {{4096, 409600000000u}, {65536, (uint64_t)1 << 40}, {1u << 26, (uint64_t)1 << 40}};
    scratch s;
    scratch_open(&s);
    for (size_t i = 0; i < 3; i++) {
        dura_files f;
        dt_eq(dura_files_open(&f, s.log, row[i].segment, DURA_FILES_CREATE, NULL), DURA_OK);
        dt_eq(f.region.struct_size, sizeof f.region);
        dt_eq(f.region.erase_size, row[i].segment);
        dt_eq(f.region.prog_size, 1);
        dt_ok(f.region.size == row[i].size, "segment %u", row[i].segment);
        dt_ok(f.region.read && f.region.prog && f.region.erase && f.region.sync);
        dt_eq(dura_files_close(&f), DURA_OK);
    }
    scratch_close(&s);
}

DT_TEST(files_open, refuses_what_it_cannot_keep)
{
    static const struct {
        const char *name;
        uint32_t segment, flags;
        int want;
    } row[] = {
        {"segment too small", 2048, DURA_FILES_CREATE, DURA_EINVAL},
        {"segment too large", 1u << 27, DURA_FILES_CREATE, DURA_EINVAL},
        {"no power of two", 5000, DURA_FILES_CREATE, DURA_EINVAL},
        {"unknown flag", SEG, 8, DURA_EINVAL},
        {"no folder", SEG, 0, DURA_ENOENT},
        {"no folder to read", SEG, DURA_FILES_READONLY, DURA_ENOENT},
    };
    scratch s;
    scratch_open(&s);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        dura_files f;
        dura_error err = {0};
        dt_eq(dura_files_open(&f, s.log, row[i].segment, row[i].flags, &err), row[i].want, "%s", row[i].name);
        dt_eq(err.code, row[i].want, "%s", row[i].name);
        dt_str(err.file, s.log, "%s", row[i].name);
    }
    scratch_close(&s);
}

DT_TEST(files_open, refuses_bad_paths)
{
    char longest[DURA_STORAGE_PATH_MAX + 8];
    dura_files f;
    memset(longest, 'a', sizeof longest);
    longest[DURA_STORAGE_PATH_MAX] = '\0';
    dt_eq(dura_files_open(&f, NULL, SEG, DURA_FILES_CREATE, NULL), DURA_EINVAL, "no path");
    dt_eq(dura_files_open(&f, "", SEG, DURA_FILES_CREATE, NULL), DURA_EINVAL, "empty path");
    dt_eq(dura_files_open(&f, longest, SEG, DURA_FILES_CREATE, NULL), DURA_ELIMIT, "too long");
    dt_eq(dura_files_open(NULL, "x", SEG, DURA_FILES_CREATE, NULL), DURA_EINVAL, "no struct");
    dt_eq(dura_files_close(&f), DURA_OK, "closing what never opened");
    dt_eq(dura_files_close(NULL), DURA_OK);
}

DT_TEST(files_open, makes_folder_and_files_private)
{
    scratch s;
    dura_files f;
    struct stat st;
    char path[160];
    scratch_open(&s);
    umask(0);
    must_open(&f, s.log);
    dt_eq(f.region.erase(&f, 0, SEG), 0);
    dt_eq(dura_files_close(&f), DURA_OK);
    dt_eq(stat(s.log, &st), 0);
    dt_eq(st.st_mode & 0777, 0700, "folder");
    snprintf(path, sizeof path, "%s/00000000.seg", s.log);
    dt_eq(stat(path, &st), 0);
    dt_eq(st.st_mode & 0777, 0600, "file");
    scratch_close(&s);
}

DT_TEST(files_open, takes_one_writer_and_any_number_of_readers)
{
    scratch s;
    dura_files a, b;
    dura_error err = {0};
    scratch_open(&s);
    must_open(&a, s.log);
    dt_eq(dura_files_open(&b, s.log, SEG, DURA_FILES_CREATE, &err), DURA_ESTATE, "second writer");
    dt_str(err.file, s.log, "the error names the folder");
    dt_ok(lists(err.text, "in use"), "%.200s", err.text);
    dt_eq(dura_files_open(&b, s.log, SEG, DURA_FILES_READONLY, NULL), DURA_OK, "reader beside a writer");
    dt_eq(dura_files_close(&b), DURA_OK);
    dt_eq(dura_files_close(&a), DURA_OK);
    must_open(&b, s.log);
    dt_eq(dura_files_close(&b), DURA_OK);
    scratch_close(&s);
}

DT_TEST(files_open, frees_the_folder_when_its_process_is_killed)
{
    scratch s;
    dura_files f;
    int ready[2], status;
    char c = 0;
    scratch_open(&s);
    dt_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        int rc = dura_files_open(&f, s.log, SEG, DURA_FILES_CREATE, NULL);
        (void)!write(ready[1], rc == 0 ? "y" : "n", 1);
        pause();
        _exit(0);
    }
    ssize_t got = read(ready[0], &c, 1);
    int held = dura_files_open(&f, s.log, SEG, 0, NULL);
    kill(child, SIGKILL); /* before any check can end the test and leave it behind */
    dt_eq(waitpid(child, &status, 0), child);
    dt_eq(got, 1);
    dt_eq(c, 'y');
    dt_eq(held, DURA_ESTATE, "held by the other process");
    dt_eq(dura_files_open(&f, s.log, SEG, 0, NULL), DURA_OK, "free again");
    dt_eq(dura_files_close(&f), DURA_OK);
    close(ready[0]);
    close(ready[1]);
    scratch_close(&s);
}

DT_TEST(files_open, follows_no_link_and_opens_no_pipe)
{
    scratch s;
    dura_files f;
    dura_error err = {0};
    char real[96], path[160];
    uint8_t b;
    scratch_open(&s);
    snprintf(real, sizeof real, "%s/real", s.dir);
    dt_eq(mkdir(real, 0700), 0);
    dt_eq(symlink(real, s.log), 0);
    dt_eq(dura_files_open(&f, s.log, SEG, DURA_FILES_CREATE, &err), DURA_EIO, "folder is a link");
    dt_ok(lists(err.text, "symbolic link"), "%.200s", err.text);
    must_open(&f, real);
    snprintf(path, sizeof path, "%s/00000000.seg", real);
    dt_eq(symlink("/etc/hostname", path), 0);
    dt_eq(f.region.read(&f, 0, &b, 1), -(1000 + ELOOP), "segment is a link");
    dt_eq(f.region.erase(&f, 0, SEG), -(1000 + ELOOP), "and is not written through");
    snprintf(path, sizeof path, "%s/00000001.seg", real);
    dt_eq(mkfifo(path, 0600), 0);
    dt_eq(f.region.read(&f, SEG, &b, 1), -(1000 + EINVAL), "segment is a pipe");
    dt_eq(dura_files_close(&f), DURA_OK);
    scratch_close(&s);
}

DT_TEST(files_open, says_why_a_folder_cannot_be_made)
{
    static const struct {
        const char *name, *tail;
        int code;
        const char *word;
    } row[] = {
        {"under a file", "/plain/x.log", DURA_EIO, "Not a directory"},
        {"parent missing", "/none/x.log", DURA_ENOENT, "No such file"},
        {"is a file", "/plain", DURA_EIO, "Not a directory"},
    };
    scratch s;
    char path[160];
    scratch_open(&s);
    snprintf(path, sizeof path, "%s/plain", s.dir);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    for (size_t i = 0; i < 3; i++) {
        dura_files f;
        dura_error err = {0};
        snprintf(path, sizeof path, "%s%s", s.dir, row[i].tail);
        dt_eq(dura_files_open(&f, path, SEG, DURA_FILES_CREATE, &err), row[i].code, "%s", row[i].name);
        dt_ok(lists(err.text, row[i].word), "%s: %.150s", row[i].name, err.text);
        dt_str(err.file, path, "%s", row[i].name);
    }
    scratch_close(&s);
}

DT_TEST(files_open, says_that_a_read_only_place_is_read_only)
{
    dura_files f;
    dura_error err = {0};
    int rc = dura_files_open(&f, "/proc/dura-test.log", SEG, DURA_FILES_CREATE, &err);
    dt_ok(rc == DURA_EIO || rc == DURA_ENOENT, "rc %d", rc);
    dt_ok(lists(err.text, "cannot create the folder"), "%.200s", err.text);
}

/* ---- reading and writing ---------------------------------------------------------------- */

DT_TEST(files_read, sees_what_was_never_written_as_erased)
{
    static const struct {
        const char *name;
        uint64_t off;
    } row[] = {{"no file at all", 5 * (uint64_t)SEG}, {"in an erased segment", 17}, {"far away", (uint64_t)1 << 38}};
    scratch s;
    dura_files f;
    uint8_t buf[64];
    scratch_open(&s);
    must_open(&f, s.log);
    dt_eq(f.region.erase(&f, 0, SEG), 0);
    for (size_t i = 0; i < 3; i++) {
        memset(buf, 0xAA, sizeof buf);
        dt_eq(f.region.read(&f, row[i].off, buf, sizeof buf), 0, "%s", row[i].name);
        dt_ok(all_zero(buf, sizeof buf), "%s", row[i].name);
    }
    dt_eq(f.region.read(&f, f.region.size, buf, 1), DURA_EINVAL, "beyond the region");
    dt_eq(f.region.read(&f, f.region.size, buf, 0), 0, "nothing");
    dt_eq(dura_files_close(&f), DURA_OK);
    scratch_close(&s);
}

DT_TEST(files_prog, comes_back_after_reopening_also_across_segments)
{
    scratch s;
    dura_files f;
    static uint8_t in[3 * SEG], out[3 * SEG];
    scratch_open(&s);
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (uint8_t)(i * 31 + i / 251);
    must_open(&f, s.log);
    dt_eq(f.region.erase(&f, 0, 3 * SEG), 0);
    dt_eq(f.region.prog(&f, 100, in, sizeof in - 100), 0);
    dt_eq(f.region.sync(&f), 0);
    dt_eq(dura_files_close(&f), DURA_OK);
    dt_eq(size_of(s.log, "00000000.seg"), SEG, "preallocated");
    dt_eq(size_of(s.log, "00000002.seg"), SEG);
    dt_eq(size_of(s.log, "00000003.seg"), -1, "no more than asked for");
    must_open(&f, s.log);
    dt_eq(f.region.read(&f, 100, out, sizeof in - 100), 0);
    dt_mem(out, in, sizeof in - 100);
    dt_eq(dura_files_close(&f), DURA_OK);
    scratch_close(&s);
}

DT_TEST(files_prog, needs_an_erased_segment)
{
    scratch s;
    dura_files f;
    scratch_open(&s);
    must_open(&f, s.log);
    dt_eq(f.region.prog(&f, 0, "x", 1), -(1000 + ENOENT));
    dt_eq(f.region.erase(&f, 1, SEG), DURA_EINVAL, "misaligned");
    dt_eq(f.region.erase(&f, 0, 100), DURA_EINVAL, "part of a segment");
    dt_eq(f.region.erase(&f, f.region.size, SEG), DURA_EINVAL, "behind the end");
    dt_eq(f.region.prog(&f, f.region.size - 1, "xy", 2), DURA_EINVAL, "over the end");
    dt_eq(dura_files_close(&f), DURA_OK);
    scratch_close(&s);
}

DT_TEST(files_erase, makes_a_used_segment_blank_again)
{
    scratch s;
    dura_files f;
    uint8_t buf[SEG];
    scratch_open(&s);
    must_open(&f, s.log);
    dt_eq(f.region.erase(&f, 0, SEG), 0);
    memset(buf, 0x77, sizeof buf);
    dt_eq(f.region.prog(&f, 0, buf, sizeof buf), 0);
    dt_eq(f.region.erase(&f, 0, SEG), 0);
    dt_eq(f.region.read(&f, 0, buf, sizeof buf), 0);
    dt_ok(all_zero(buf, sizeof buf));
    dt_eq(dura_files_close(&f), DURA_OK);
    dt_eq(size_of(s.log, "00000000.seg"), SEG);
    scratch_close(&s);
}

DT_TEST(files_prog, works_on_more_segments_than_files_held_open)
{
    scratch s;
    dura_files f;
    enum { MANY = 3 * DURA_FILES_SLOTS };
    scratch_open(&s);
    must_open(&f, s.log);
    for (unsigned i = 0; i < MANY; i++)
        dt_eq(f.region.erase(&f, (uint64_t)i * SEG, SEG), 0, "segment %u", i);
    for (unsigned turn = 0; turn < 2; turn++)
        for (unsigned i = 0; i < MANY; i++) {
            uint8_t b = (uint8_t)(1 + i + turn * 100);
            dt_eq(f.region.prog(&f, (uint64_t)i * SEG + turn, &b, 1), 0);
        }
    dt_eq(f.region.sync(&f), 0);
    for (unsigned i = 0; i < MANY; i++) {
        uint8_t b[2];
        dt_eq(f.region.read(&f, (uint64_t)i * SEG, b, 2), 0);
        dt_eq(b[0], 1 + i, "segment %u", i);
        dt_eq(b[1], 101 + i, "segment %u", i);
    }
    dt_eq(dura_files_close(&f), DURA_OK);
    scratch_close(&s);
}

/* Segments now held open, as bits. */
static unsigned held_open(const dura_files *f)
{
    unsigned bits = 0;
    for (int i = 0; i < DURA_FILES_SLOTS; i++)
        if (f->slot[i].fd >= 0)
            bits |= 1u << f->slot[i].index;
    return bits;
}

DT_TEST(files_prog, lets_go_of_the_file_unused_for_longest_and_syncs_it_first)
{
    scratch s;
    dura_files f;
    int hole[2];
    scratch_open(&s);
    must_open(&f, s.log);
    dt_eq(f.region.erase(&f, 0, (DURA_FILES_SLOTS + 2) * SEG), 0);
    for (unsigned i = 0; i < DURA_FILES_SLOTS; i++)
        dt_eq(f.region.prog(&f, i * SEG, "x", 1), 0);
    dt_eq(held_open(&f), 0x0F);
    dt_eq(f.region.prog(&f, 1, "y", 1), 0, "segment 0 is used again");
    dt_eq(f.region.prog(&f, 4 * SEG, "x", 1), 0);
    dt_eq(held_open(&f), 0x1D, "segment 1 had to go");
    dt_eq(pipe(hole), 0);
    for (unsigned i = 0; i < DURA_FILES_SLOTS; i++)
        if (f.slot[i].index == 2)
            dt_eq(dup2(hole[0], f.slot[i].fd), f.slot[i].fd); /* fdatasync on a pipe fails */
    dt_eq(f.region.prog(&f, 5 * SEG, "x", 1), -(1000 + EINVAL), "segment 2 cannot be made durable");
    dt_eq(f.region.sync(&f), -(1000 + EINVAL), "and that is not forgotten");
    dt_eq(dura_files_close(&f), -(1000 + EINVAL));
    close(hole[0]);
    close(hole[1]);
    scratch_close(&s);
}

DT_TEST(files_prog, is_refused_when_opened_for_reading)
{
    scratch s;
    dura_files f;
    uint8_t b;
    dura_error err = {0};
    scratch_open(&s);
    must_open(&f, s.log);
    dt_eq(f.region.erase(&f, 0, SEG), 0);
    dt_eq(f.region.prog(&f, 3, "z", 1), 0);
    dt_eq(dura_files_close(&f), DURA_OK);
    dt_eq(dura_files_open(&f, s.log, SEG, DURA_FILES_READONLY, NULL), DURA_OK);
    dt_eq(f.region.read(&f, 3, &b, 1), 0);
    dt_eq(b, 'z');
    dt_eq(dura_files_error(&f, &err), 0, "nothing failed yet");
    dt_eq(f.region.prog(&f, 3, "y", 1), -(1000 + EROFS));
    dt_eq(f.region.erase(&f, 0, SEG), -(1000 + EROFS));
    dt_eq(dura_files_trim(&f, 3), -(1000 + EROFS));
    dt_eq(f.region.sync(&f), 0);
    dt_eq(dura_files_error(&f, &err), -(1000 + EROFS));
    dt_eq(dura_files_close(&f), DURA_OK);
    scratch_close(&s);
}

/* ---- the clean end ------------------------------------------------------------------------ */

DT_TEST(files_trim, cuts_the_last_segment_and_drops_those_behind)
{
    static const struct {
        const char *name;
        uint64_t end;
        long long size[4];
    } row[] = {
        {"inside the second", SEG + 100, {SEG, 100, -1, -1}},
        {"at a boundary", 2 * SEG, {SEG, SEG, -1, -1}},
        {"nothing used", 0, {-1, -1, -1, -1}},
        {"one byte", 1, {1, -1, -1, -1}},
        {"everything used", 3 * SEG, {SEG, SEG, SEG, -1}},
    };
    static const char *const name[4] = {"00000000.seg", "00000001.seg", "00000002.seg", "00000003.seg"};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        scratch s;
        dura_files f;
        scratch_open(&s);
        must_open(&f, s.log);
        dt_eq(f.region.erase(&f, 0, 3 * SEG), 0);
        dt_eq(dura_files_trim(&f, row[i].end), 0, "%s", row[i].name);
        dt_eq(dura_files_close(&f), DURA_OK);
        for (int j = 0; j < 4; j++)
            dt_eq(size_of(s.log, name[j]), row[i].size[j], "%s, file %d", row[i].name, j);
        scratch_close(&s);
    }
}

DT_TEST(files_trim, leaves_a_log_that_can_go_on)
{
    scratch s;
    dura_files f;
    uint8_t b[4];
    scratch_open(&s);
    must_open(&f, s.log);
    dt_eq(f.region.erase(&f, 0, SEG), 0);
    dt_eq(f.region.prog(&f, 0, "abc", 3), 0);
    dt_eq(dura_files_trim(&f, 3), 0);
    dt_eq(dura_files_close(&f), DURA_OK);
    must_open(&f, s.log);
    dt_eq(f.region.read(&f, 0, b, 4), 0);
    dt_mem(b, "abc", 4, "what was cut off reads as erased");
    dt_eq(f.region.prog(&f, 3, "d", 1), 0);
    dt_eq(dura_files_close(&f), DURA_OK);
    dt_eq(size_of(s.log, "00000000.seg"), SEG, "the blocks are back");
    scratch_close(&s);
}

/* ---- full and failing disks ------------------------------------------------------------------ */

/* A full disk without a disk: no file may grow beyond `bytes`. */
static void limit_files(rlim_t bytes)
{
    struct rlimit r = {bytes, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    dt_eq(setrlimit(RLIMIT_FSIZE, &r), 0);
}

DT_TEST(files_erase, reports_a_full_disk_and_recovers_when_there_is_room)
{
    scratch s;
    dura_files f;
    dura_error err = {0};
    scratch_open(&s);
    must_open(&f, s.log);
    limit_files(SEG / 2);
    dt_eq(f.region.erase(&f, 0, SEG), -(1000 + EFBIG));
    dt_eq(size_of(s.log, "00000000.seg"), -1, "no half segment is left");
    dt_eq(dura_files_error(&f, &err), -(1000 + EFBIG));
    dt_eq(err.code, DURA_EIO);
    dt_ok(lists(err.file, "00000000.seg") && lists(err.text, "too large"), "%.100s: %.100s", err.file, err.text);
    limit_files(RLIM_INFINITY);
    dt_eq(f.region.erase(&f, 0, SEG), 0);
    dt_eq(f.region.prog(&f, 0, "ok", 2), 0);
    dt_eq(dura_files_close(&f), DURA_OK);
    scratch_close(&s);
}

DT_TEST(files_prog, reports_a_full_disk_when_a_trimmed_log_goes_on)
{
    scratch s;
    dura_files f;
    uint8_t b[2];
    scratch_open(&s);
    must_open(&f, s.log);
    dt_eq(f.region.erase(&f, 0, SEG), 0);
    dt_eq(f.region.prog(&f, 0, "a", 1), 0);
    dt_eq(dura_files_trim(&f, 1), 0);
    limit_files(SEG / 2);
    dt_eq(f.region.prog(&f, 1, "b", 1), -(1000 + EFBIG));
    limit_files(RLIM_INFINITY);
    dt_eq(f.region.prog(&f, 1, "b", 1), 0, "tried again");
    dt_eq(f.region.read(&f, 0, b, 2), 0);
    dt_mem(b, "ab", 2);
    dt_eq(dura_files_close(&f), DURA_OK);
    scratch_close(&s);
}

DT_TEST(files_sync, that_failed_once_never_succeeds_again)
{
    scratch s;
    dura_files f;
    int hole[2];
    scratch_open(&s);
    must_open(&f, s.log);
    dt_eq(f.region.erase(&f, 0, SEG), 0);
    dt_eq(f.region.sync(&f), 0);
    dt_eq(f.region.prog(&f, 0, "a", 1), 0);
    dt_eq(pipe(hole), 0);
    int keep = dup(f.slot[0].fd);
    dt_eq(dup2(hole[0], f.slot[0].fd), f.slot[0].fd); /* fdatasync on a pipe fails */
    dt_eq(f.region.sync(&f), -(1000 + EINVAL));
    dt_eq(dup2(keep, f.slot[0].fd), f.slot[0].fd);
    dt_eq(f.region.sync(&f), -(1000 + EINVAL), "the pages may be gone");
    dt_eq(f.region.prog(&f, 1, "b", 1), -(1000 + EINVAL));
    dt_eq(f.region.erase(&f, SEG, SEG), -(1000 + EINVAL));
    dt_eq(dura_files_close(&f), -(1000 + EINVAL), "close says so too");
    must_open(&f, s.log);
    dt_eq(f.region.prog(&f, 1, "b", 1), 0, "reopening is the way on");
    dt_eq(dura_files_close(&f), DURA_OK);
    close(keep);
    close(hole[0]);
    close(hole[1]);
    scratch_close(&s);
}

/* ---- one file ---------------------------------------------------------------------------------- */

static void must_open_file(dura_file *f, const char *path)
{
    dura_error err = {0};
    int rc = dura_file_open(f, path, 4 * 256, 256, DURA_FILES_CREATE, &err);
    dt_eq(rc, DURA_OK, "%.200s", err.text);
}

DT_TEST(file_open, makes_an_erased_region_of_the_size)
{
    scratch s;
    dura_file f;
    uint8_t buf[1024];
    struct stat st;
    scratch_open(&s);
    must_open_file(&f, s.file);
    dt_eq(f.region.size, 1024);
    dt_eq(f.region.erase_size, 256);
    dt_eq(f.region.prog_size, 1);
    dt_eq(f.region.read(&f, 0, buf, sizeof buf), 0);
    dt_ok(all_zero(buf, sizeof buf));
    dt_eq(stat(s.file, &st), 0);
    dt_eq(st.st_size, 1024);
    dt_eq(st.st_mode & 077, 0, "private");
    dt_eq(dura_file_close(&f), DURA_OK);
    dt_eq(dura_file_close(&f), DURA_OK, "twice");
    dt_eq(dura_file_close(NULL), DURA_OK);
    scratch_close(&s);
}

DT_TEST(file_open, refuses_what_it_cannot_keep)
{
    static const struct {
        const char *name;
        uint64_t size;
        uint32_t erase, flags;
        int want;
    } row[] = {
        {"no size", 0, 256, DURA_FILES_CREATE, DURA_EINVAL},
        {"no multiple", 1000, 256, DURA_FILES_CREATE, DURA_EINVAL},
        {"erase too small", 1024, 32, DURA_FILES_CREATE, DURA_EINVAL},
        {"too large", ((uint64_t)1 << 30) + 256, 256, DURA_FILES_CREATE, DURA_EINVAL},
        {"unknown flag", 1024, 256, 4, DURA_EINVAL},
        {"no file", 1024, 256, 0, DURA_ENOENT},
    };
    scratch s;
    scratch_open(&s);
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        dura_file f;
        dura_error err = {0};
        dt_eq(dura_file_open(&f, s.file, row[i].size, row[i].erase, row[i].flags, &err), row[i].want, "%s",
              row[i].name);
        dt_eq(err.code, row[i].want, "%s", row[i].name);
    }
    scratch_close(&s);
}

DT_TEST(file_open, completes_a_file_whose_making_was_cut)
{
    scratch s;
    dura_file f;
    uint8_t buf[1024];
    scratch_open(&s);
    must_open_file(&f, s.file);
    dt_eq(f.region.prog(&f, 0, "keep", 4), 0);
    dt_eq(dura_file_close(&f), DURA_OK);
    dt_eq(truncate(s.file, 300), 0);
    must_open_file(&f, s.file);
    dt_eq(f.region.read(&f, 0, buf, sizeof buf), 0);
    dt_mem(buf, "keep", 4);
    dt_ok(all_zero(buf + 4, sizeof buf - 4));
    dt_eq(dura_file_close(&f), DURA_OK);
    dt_eq(size_of(s.dir, "nv"), 1024);
    scratch_close(&s);
}

DT_TEST(file_open, refuses_a_longer_file_a_link_and_a_second_writer)
{
    scratch s;
    dura_file f, g;
    dura_error err = {0};
    char link[128];
    scratch_open(&s);
    must_open_file(&f, s.file);
    dt_eq(dura_file_open(&g, s.file, 1024, 256, 0, &err), DURA_ESTATE);
    dt_eq(dura_file_close(&f), DURA_OK);
    snprintf(link, sizeof link, "%s/link", s.dir);
    dt_eq(symlink(s.file, link), 0);
    dt_eq(dura_file_open(&g, link, 1024, 256, DURA_FILES_CREATE, &err), DURA_EIO);
    dt_ok(lists(err.text, "symbolic link"), "%.200s", err.text);
    dt_eq(truncate(s.file, 1025), 0);
    dt_eq(dura_file_open(&g, s.file, 1024, 256, 0, &err), DURA_ECORRUPT);
    dt_ok(lists(err.text, "1025"), "%.200s", err.text);
    scratch_close(&s);
}

DT_TEST(file_prog, comes_back_and_can_be_erased)
{
    scratch s;
    dura_file f;
    uint8_t b[8];
    scratch_open(&s);
    must_open_file(&f, s.file);
    dt_eq(f.region.prog(&f, 254, "abcd", 4), 0);
    dt_eq(f.region.sync(&f), 0);
    dt_eq(f.region.sync(&f), 0, "nothing new");
    dt_eq(f.region.erase(&f, 256, 256), 0);
    dt_eq(dura_file_close(&f), DURA_OK);
    must_open_file(&f, s.file);
    dt_eq(f.region.read(&f, 254, b, 4), 0);
    dt_mem(b, "ab\0\0", 4);
    dt_eq(f.region.erase(&f, 1, 256), DURA_EINVAL, "misaligned");
    dt_eq(f.region.erase(&f, 1024, 256), DURA_EINVAL, "behind the end");
    dt_eq(f.region.prog(&f, 1023, "xy", 2), DURA_EINVAL, "over the end");
    dt_eq(f.region.read(&f, 1024, b, 1), DURA_EINVAL, "over the end");
    dt_eq(dura_file_error(&f, NULL), DURA_EINVAL);
    dt_eq(dura_file_close(&f), DURA_OK);
    scratch_close(&s);
}

DT_TEST(file_prog, is_refused_when_opened_for_reading)
{
    scratch s;
    dura_file f;
    dura_error err = {0};
    scratch_open(&s);
    must_open_file(&f, s.file);
    dt_eq(dura_file_error(&f, &err), 0);
    dt_eq(dura_file_close(&f), DURA_OK);
    dt_eq(dura_file_open(&f, s.file, 1024, 256, DURA_FILES_READONLY, NULL), DURA_OK);
    dt_eq(f.region.prog(&f, 0, "a", 1), -(1000 + EROFS));
    dt_eq(f.region.erase(&f, 0, 256), -(1000 + EROFS));
    dt_eq(dura_file_error(&f, &err), -(1000 + EROFS));
    dt_str(err.file, s.file);
    dt_eq(dura_file_close(&f), DURA_OK);
    scratch_close(&s);
}

DT_TEST(file_open, reports_a_full_disk)
{
    scratch s;
    dura_file f;
    dura_error err = {0};
    scratch_open(&s);
    limit_files(500);
    dt_eq(dura_file_open(&f, s.file, 1024, 256, DURA_FILES_CREATE, &err), DURA_EIO);
    limit_files(RLIM_INFINITY);
    dt_ok(lists(err.text, "too large"), "%.200s", err.text);
    must_open_file(&f, s.file);
    dt_eq(dura_file_close(&f), DURA_OK);
    scratch_close(&s);
}

DT_TEST(file_sync, that_failed_once_never_succeeds_again)
{
    scratch s;
    dura_file f;
    int hole[2];
    scratch_open(&s);
    must_open_file(&f, s.file);
    dt_eq(f.region.prog(&f, 0, "a", 1), 0);
    dt_eq(pipe(hole), 0);
    int keep = dup(f.fd);
    dt_eq(dup2(hole[0], f.fd), f.fd);
    dt_eq(f.region.sync(&f), -(1000 + EINVAL));
    dt_eq(dup2(keep, f.fd), f.fd);
    dt_eq(f.region.sync(&f), -(1000 + EINVAL));
    dt_eq(f.region.prog(&f, 1, "b", 1), -(1000 + EINVAL));
    dt_eq(dura_file_close(&f), -(1000 + EINVAL));
    close(keep);
    close(hole[0]);
    close(hole[1]);
    scratch_close(&s);
}

DT_TEST(storage_strerror, has_words_for_every_code)
{
    static const struct {
        int code;
        const char *text;
    } row[] = {{-(1000 + ENOSPC), "No space left on device"}, {-(1000 + EROFS), "Read-only file system"}};
    for (size_t i = 0; i < 2; i++)
        dt_str(dura_storage_strerror(row[i].code), row[i].text);
    dt_str(dura_storage_strerror(DURA_EFULL), dura_strerror(DURA_EFULL));
    dt_str(dura_storage_strerror(-900), dura_strerror(-900), "a hook's own code");
}

/* ---- the operations below ------------------------------------------------------------------------ */

DT_TEST(io_load, refuses_what_is_not_a_short_text)
{
    scratch s;
    char buf[16], path[128];
    scratch_open(&s);
    snprintf(path, sizeof path, "%s/t", s.dir);
    dt_eq(durai_io_load(AT_FDCWD, path, buf, sizeof buf), DURA_ENOENT);
    dt_eq(durai_io_put(AT_FDCWD, path, 0600, "a\0b", 3), 0);
    dt_eq(durai_io_load(AT_FDCWD, path, buf, sizeof buf), DURA_ELIMIT, "a NUL inside");
    dt_eq(durai_io_put(AT_FDCWD, path, 0600, "x", 1), -(1000 + EEXIST), "never over an existing one");
    dt_eq(unlink(path), 0);
    dt_eq(durai_io_put(AT_FDCWD, path, 0600, "0123456789abcdef", 16), 0);
    dt_eq(durai_io_load(AT_FDCWD, path, buf, sizeof buf), DURA_ELIMIT, "no room for the end");
    dt_eq(truncate(path, 15), 0);
    dt_eq(durai_io_load(AT_FDCWD, path, buf, sizeof buf), 15);
    dt_str(buf, "0123456789abcde");
    scratch_close(&s);
}

DT_TEST(io_mkdirs, makes_all_parts_and_minds_none_that_are_there)
{
    scratch s;
    char path[128];
    scratch_open(&s);
    snprintf(path, sizeof path, "%s/a/b//c/", s.dir);
    dt_eq(durai_io_mkdirs(path), 0);
    dt_eq(access(path, X_OK), 0);
    dt_eq(durai_io_mkdirs(path), 0, "again");
    dt_eq(durai_io_mkdirs(""), DURA_ELIMIT);
    scratch_close(&s);
}
