import { randomFillSync } from 'node:crypto'
import type { Row } from '../row.ts'
import { atLeast, percent, perSecond } from '../row.ts'
import type { Stage } from './native-limit.ts'
import { bestStages, limitOf, measureNativeStages } from './native-limit.ts'
import { mixedInput } from './mixed-input.ts'
import { runDataPath } from './run-data-path.ts'

const SECTION = 'data path, one thread, no I/O'
const RUNS = 6
/** Short enough that some passes meet no other load, as those of the stages do. */
const PASS_BYTES = 64 * 1024 * 1024
const TARGET = 0.6
const FILL_BYTES = 256 * 1024 * 1024

interface Pass {
  readonly rate: number
  /** With the copy that stands for reading. */
  readonly rateWithRead: number
  /** By the thread's own CPU time: what other load on the machine hides least. */
  readonly cpuRate: number
  readonly stored: number
  readonly meanChunk: number
}

/**
 * Measures stages and path in turns, `RUNS` times, the path in passes over a part of the input each, and compares the best of each:
 * other load on the machine then hits both alike.
 */
export async function benchDataPath(bytes: number): Promise<Row[]> {
  const random = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at += FILL_BYTES) randomFillSync(random, at, Math.min(FILL_BYTES, bytes - at))
  const mixed = mixedInput(bytes)
  await runDataPath(random.subarray(0, bytes >> 2))
  let stages: Stage[] | undefined
  const onRandom: Pass[] = []
  const onMixed: Pass[] = []
  for (let run = 0; run < RUNS; run++) {
    const measured = await measureNativeStages()
    stages = stages === undefined ? measured : bestStages(stages, measured)
    onRandom.push(...(await passes(random)))
    onMixed.push(...(await passes(mixed)))
  }
  const limit = limitOf(stages!)
  const { rate, stored, meanChunk } = best(onRandom)
  const withRead = Math.max(...onRandom.map((pass) => pass.rateWithRead))
  const cpuRate = Math.max(...onRandom.map((pass) => pass.cpuRate))
  return [
    ...stages!.map((stage) => ({
      section: SECTION,
      name: `stage: ${stage.name}`,
      value: perSecond(stage.rate),
      note: `${stage.weight}×, ${percent((stage.weight / stage.rate) * limit)} of the limit's time`,
    })),
    { section: SECTION, name: 'limit of these stages', value: perSecond(limit) },
    {
      section: SECTION,
      name: `data path, random, ${bytes / 2 ** 20} MiB`,
      value: perSecond(rate),
      beside: `limit ${perSecond(limit)}`,
      ratio: percent(rate / limit),
      ...atLeast(rate / limit, TARGET, percent(TARGET)),
      note: `median ${perSecond(median(onRandom))}; ${percent(withRead / limit)} of the limit with the copy for reading; ${perSecond(cpuRate)} by the thread's CPU time; mean chunk ${Math.round(meanChunk / 1024)} KiB, stored ${stored.toFixed(3)}×`,
    },
    {
      section: SECTION,
      name: 'data path, half of it compressible',
      value: perSecond(best(onMixed).rate),
      note: `median ${perSecond(median(onMixed))}; zstd takes part; stored ${best(onMixed).stored.toFixed(3)}×`,
    },
  ]
}

function best(passes: readonly Pass[]): Pass {
  return passes.reduce((a, b) => (b.rate > a.rate ? b : a))
}

function median(passes: readonly Pass[]): number {
  return passes.map(({ rate }) => rate).sort((a, b) => a - b)[passes.length >> 1]!
}

async function passes(input: Uint8Array): Promise<Pass[]> {
  const result: Pass[] = []
  for (let at = 0; at < input.length; at += PASS_BYTES)
    result.push(await timed(input.subarray(at, at + PASS_BYTES)))
  return result
}

async function timed(input: Uint8Array): Promise<Pass> {
  const start = performance.now()
  const cpuStart = process.threadCpuUsage()
  const { chunks, storedBytes, readMs, readCpuMs } = await runDataPath(input)
  const { user, system } = process.threadCpuUsage(cpuStart)
  const milliseconds = performance.now() - start - readMs
  return {
    rate: input.length / 1e3 / milliseconds,
    rateWithRead: input.length / 1e3 / (milliseconds + readMs),
    cpuRate: input.length / (user + system - readCpuMs * 1000),
    stored: storedBytes / input.length,
    meanChunk: input.length / chunks,
  }
}
