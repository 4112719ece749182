import { beforeEach, describe, expect, it, test } from 'vitest'
import vectors from '../../../vectors/read-cache.json' with { type: 'json' }
import { MemoryCacheRecords, memoryReadCache } from '../../adapters/memory/memory-read-cache.ts'
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { nodeRandom } from '../../adapters/native/node-random.ts'
import { fromHex, toHex } from '../../core/open/bytes.ts'
import { decoderConformance } from '../../core/open/decoder.conformance.ts'
import { BusyError, UntrustedError } from '../../core/open/errors.ts'
import { listChildren } from '../../core/open/protocol/tracker-methods.ts'
import { MAX_CACHE_BYTES } from '../../ports/read-cache.ts'
import type { ReadCache } from '../../ports/read-cache.ts'
import type { KeptParts } from './kept-records.ts'
import { KeptRecords } from './kept-records.ts'
import { questionHash, requestHash, transcriptCodec } from './transcript.ts'

const hex = (text: string) => fromHex(text)!
const VALUE = Uint8Array.of(1, 2, 3)

/** Only what keeping needs of an identity. */
function partsOf(device: string, salt?: string): KeptParts {
  const identity = {
    pool: hex(vectors.pool),
    device: { deviceId: hex(device), encSecret: hex(vectors.encSecret) },
  } as KeptParts['identity']
  return { primitives, identity, random: salt === undefined ? nodeRandom : { bytes: () => hex(salt) } }
}

decoderConformance({
  name: 'kept answer',
  examples: [hex(vectors.transcript)],
  decode: (bytes) => transcriptCodec.decode(bytes),
  encode: (value) => transcriptCodec.encode(value),
})

test('vectors/read-cache.json', async () => {
  const shared = new MemoryCacheRecords()
  const cache = memoryReadCache(shared)
  const records = new KeptRecords(partsOf(vectors.device, vectors.salt), cache)
  for (const { kind, ids, name } of vectors.names)
    expect(toHex(records.name(kind, ...ids.map(hex))), kind).toBe(name)
  const { request, question } = vectors
  expect(toHex(requestHash(primitives, listChildren, listChildren.request.decode(hex(request.bytes))))).toBe(
    request.hash,
  )
  const asked = { points: question.points.map(hex), prefixes: question.prefixes.map(hex) }
  expect(toHex(questionHash(primitives, asked))).toBe(question.hash)
  records.save([hex(vectors.name)], hex(vectors.transcript))
  await records.flush()
  expect(toHex((await cache.get(hex(vectors.name)))!)).toBe(vectors.record)
  expect(toHex((await records.load(hex(vectors.name)))!)).toBe(vectors.transcript)
})

describe('kept records', () => {
  let shared: MemoryCacheRecords
  let records: KeptRecords
  let a: Uint8Array
  let b: Uint8Array
  beforeEach(() => {
    shared = new MemoryCacheRecords()
    records = new KeptRecords(partsOf(vectors.device), memoryReadCache(shared))
    a = records.name('children', new Uint8Array(48).fill(1))
    b = records.name('children', new Uint8Array(48).fill(2))
  })

  it('opens what it has kept, at once and later', async () => {
    records.save([a], VALUE)
    expect(toHex((await records.load(a))!)).toBe(toHex(VALUE))
    expect(await records.load(b)).toBeUndefined()
    const later = new KeptRecords(partsOf(vectors.device), memoryReadCache(shared))
    expect(toHex((await later.load(a))!)).toBe(toHex(VALUE))
  })

  it('finds one by several names only where that is expected', async () => {
    records.save([a, b], VALUE)
    expect(toHex((await records.load(b, { isShared: true }))!)).toBe(toHex(VALUE))
    await expect(records.load(b)).rejects.toThrow(UntrustedError)
  })

  it('refuses what was changed, cut, swapped, or kept by another device', async () => {
    records.save([a], VALUE)
    await records.flush()
    const cache = memoryReadCache(shared)
    const whole = (await cache.get(a))!
    for (let at = 0; at < whole.length; at++) {
      const changed = whole.slice()
      changed[at]! ^= 1
      await cache.put([{ names: [a], value: changed }])
      await expect(records.load(a, { isShared: true }), String(at)).rejects.toThrow(UntrustedError)
      await cache.put([{ names: [a], value: whole.subarray(0, at) }])
      await expect(records.load(a), String(at)).rejects.toThrow(UntrustedError)
    }
    await cache.put([{ names: [b], value: whole }])
    await expect(records.load(b)).rejects.toThrow(UntrustedError)
    await cache.put([{ names: [a], value: whole }])
    const other = new KeptRecords(partsOf('00'.repeat(16)), cache)
    await expect(other.load(a)).rejects.toThrow(UntrustedError)
  })

  it('goes on where nothing can be kept, and says why', async () => {
    const busy: ReadCache = {
      get: () => Promise.resolve(undefined),
      put: () => Promise.reject(new BusyError('somebody writes')),
      usage: () => Promise.resolve({ records: 0, bytes: 0, maxBytes: MAX_CACHE_BYTES }),
      close: () => Promise.resolve(),
    }
    const failing = new KeptRecords(partsOf(vectors.device), busy)
    failing.save([a], VALUE)
    await failing.close()
    expect(failing.problem).toBeInstanceOf(BusyError)
  })
})
