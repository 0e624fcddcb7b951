/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target's main() without libFuzzer: every file of the folders (or every file)
 * named on the command line goes through LLVMFuzzerTestOneInput once as it is and then a
 * few times damaged, always in the same way, so that gcc, valgrind and foreign targets
 * meet the corpus too. Each input lies in a block of exactly its size: one byte read too
 * far is seen. No input at all is a failure; a corpus that went missing proves nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef DT_SHARE
#define DT_SHARE 1                      /* tests/dt.h */
#endif
enum { DAMAGED = 23 / DT_SHARE + 1, PATH = 1024 };  /* damaged copies per file; bytes of a path */
static unsigned long files, inputs;

/* One input in a block of its own. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    /* The address of an empty input must not be readable either. */
    LLVMFuzzerTestOneInput(size ? copy : copy + 1, size);
    free(copy);
    inputs++;
}

static uint32_t xorshift(uint32_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    *s ^= *s << 5;
    return *s;
}

/* The file cut short and with bits flipped; the same ones in every run. */
static void feed_damaged(uint8_t *data, size_t size)
{
    uint32_t seed = 2463534242u ^ (uint32_t)size;
    for (int i = 0; i < DAMAGED && size; i++) {
        size_t at = xorshift(&seed) % size;
        uint8_t was = data[at];
        data[at] = (uint8_t)(was ^ (1u << (i % 8)));
        feed(data, size);
        data[at] = was;
        feed(data, at);
    }
}

static int feed_file(const char *path, long size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(size ? (size_t)size : 1);
    size_t got = f && data ? fread(data, 1, (size_t)size, f) : 0;
    if (f)
        fclose(f);
    if (!f || got != (size_t)size) {
        free(data);
        perror(path);
        return 1;
    }
    fprintf(stderr, "%s\n", path);      /* the last line before a crash names the input */
    feed(data, got);
    feed_damaged(data, got);
    free(data);
    files++;
    return 0;
}

static int feed_folder(const char *path);

static int feed_path(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        return 1;
    }
    return S_ISDIR(st.st_mode) ? feed_folder(path) : feed_file(path, (long)st.st_size);
}

/* Corpora are flat: a folder inside a folder is refused rather than walked. */
static int feed_folder(const char *path)
{
    struct dirent **entry;
    int failed = 0, n = scandir(path, &entry, NULL, alphasort);
    if (n < 0) {
        perror(path);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        char name[PATH];
        struct stat st;
        int len = snprintf(name, sizeof name, "%s/%s", path, entry[i]->d_name);
        if (entry[i]->d_name[0] != '.')
            failed |= len >= PATH || stat(name, &st) != 0 || S_ISDIR(st.st_mode) ||
                      feed_file(name, (long)st.st_size) != 0;
        free(entry[i]);
    }
    free(entry);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    feed((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++)
        failed |= feed_path(argv[i]);
    printf("%lu files, %lu inputs\n", files, inputs);
    if (!files)
        fprintf(stderr, "no corpus file was found\n");
    return failed || !files;
}
