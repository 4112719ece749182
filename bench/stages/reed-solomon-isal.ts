import { execFile } from 'node:child_process'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Scheme } from '../../src/core/open/stripes/stripe.ts'

/** Prints the best rate in MB/s of data for k, m, shard size and a time in seconds. */
const PROGRAM = String.raw`
#include <isa-l.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int k = atoi(argv[1]), m = atoi(argv[2]), size = atoi(argv[3]);
  unsigned char *shards[255], *matrix = malloc((k + m) * k), *tables = malloc(32 * k * m);
  for (int i = 0; i < k + m; i++) {
    if (posix_memalign((void **)&shards[i], 64, size + 192)) return 1;
    for (int j = 0; j < size; j++) shards[i][j] = rand();
  }
  gf_gen_cauchy1_matrix(matrix, k + m, k);
  ec_init_tables(k, m, matrix + k * k, tables);
  double best = 1e9, end = now() + atof(argv[4]);
  do {
    double start = now();
    ec_encode_data(size, k, m, tables, shards, shards + k);
    double took = now() - start;
    if (took < best) best = took;
  } while (now() < end);
  printf("%.0f\n", (double)k * size / 1e6 / best);
  return 0;
}
`

const HEADER = '/usr/include/isa-l.h'

/** What is missing where a command isn't installed, as execFile reports it. */
function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

/**
 * MB/s of data that Intel's ISA-L encodes, the native limit, or undefined where gcc or Debian's libisal-dev isn't
 * installed. Compiles a small program into a temporary folder, which is removed again.
 */
export async function measureIsal(
  { k, n }: Scheme,
  shardBytes = 4 * 1024 * 1024,
): Promise<number | undefined> {
  const run = promisify(execFile)
  const folder = await mkdtemp(join(tmpdir(), 'allmend-isal-'))
  try {
    await access(HEADER)
    const source = join(folder, 'isal.c')
    const program = join(folder, 'isal')
    await writeFile(source, PROGRAM)
    await run('gcc', ['-O2', '-o', program, source, '-lisal'])
    const { stdout } = await run(program, [String(k), String(n - k), String(shardBytes), '0.5'])
    return Number(stdout)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
