import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { randomFrom } from '../../../../../test/fixtures/seeded-random.ts'
import { nodePrimitives as p } from '../../../../adapters/native/node-primitives.ts'
import { compareBytes, concatBytes, toHex, utf8 } from '../../bytes.ts'
import { decoderConformance } from '../../decoder.conformance.ts'
import { AllmendError, MalformedError, UntrustedError } from '../../errors.ts'
import { leafHash, merkleRoot } from '../../merkle.ts'
import { fromBase64, toBase64 } from './base64.ts'
import type { LogIdentity } from './checkpoint.ts'
import {
  checkpointText,
  encodeCheckpoint,
  isSignedHead,
  logIdentity,
  openCheckpoint,
  signCheckpoint,
  withSignatures,
} from './checkpoint.ts'
import type { Witness } from './cosignature.ts'
import { cosign, verifyCosignatures, witnessName } from './cosignature.ts'
import { decodeEntryBundle, encodeEntryBundle } from '../entry-bundle.ts'
import type { Touch } from '../entry.ts'
import {
  ENTRY_KIND,
  encodeTouches,
  entryCodec,
  headsCodec,
  touchCodec,
  touchedRoot,
  touchesCodec,
} from '../entry.ts'
import { nodeStateCodec } from '../replay/node-state.ts'
import { NOTE_ED25519, decodeNote, encodeNote, noteKeyId } from './note.ts'
import { freshness, operatorTimes, quorumOf, quorumTime } from './quorum.ts'

const random = randomFrom(7)
const seed = random.bytes(32)
const log: LogIdentity = { origin: `allmend/${toHex(random.bytes(32))}`, key: p.ed25519Public(seed) }
const head = { size: 20_852_163, root: random.bytes(32) }
const checkpoint = signCheckpoint(p, log, seed, head)
const witnessSeeds = Array.from({ length: 7 }, () => random.bytes(32))
const witnesses: Witness[] = witnessSeeds.map((secret) => ({
  operator: random.bytes(32),
  key: p.ed25519Public(secret),
}))
const tracker = random.bytes(32)
const cosigned = withSignatures(
  checkpoint,
  witnessSeeds.map((secret, i) => cosign(p, secret, checkpoint, 1_000 + i)),
)
const note = encodeCheckpoint(p, log, cosigned)

describe('signed note', () => {
  it('is that of the Go implementation: its example verifies', () => {
    const example = utf8(
      'If you think cryptography is the answer to your problem,\n' +
        "then you don't know what your problem is.\n\n" +
        '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
    )
    const key = fromBase64('ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')!.subarray(1)
    const { text, signatures } = decodeNote(example)
    expect(toHex(signatures[0]!.keyId)).toBe('c74f20a3')
    expect(toHex(noteKeyId(p, 'PeterNeumann', NOTE_ED25519, key))).toBe('c74f20a3')
    expect(p.ed25519Verify(key, utf8(text), signatures[0]!.signature)).toBe(true)
    expect(toHex(encodeNote({ text, signatures }))).toBe(toHex(example))
  })

  it('refuses what is none', () => {
    const line = '\u2014 name eDA4Z28vWg==\n'
    for (const bad of [
      '',
      'text\n',
      'text\n\n',
      `text${line}`,
      `text\n${line}`,
      `text\n\n${line}\n`,
      `te\u0001xt\n\n${line}`,
      `te\rxt\n\n${line}`,
      `text\n\n${line.replace('\u2014', '-')}`,
      `text\n\n${line.replace('name', 'na+me')}`,
      `text\n\n${line.replace('name ', 'na me ')}`,
      `text\n\n${line.replace('==', '')}`,
      `text\n\n${line.replace('g==', 'h==')}`,
      `text\n\n\u2014 name eDA4Zw==\n`,
      `text\n\n${line.repeat(129)}`,
      `${'x'.repeat(70_000)}\n\n${line}`,
    ])
      expect(() => decodeNote(utf8(bad)), JSON.stringify(bad.slice(0, 40))).toThrow(MalformedError)
    expect(decodeNote(utf8(`text\n\nmore\n\n${line}`)).text).toBe('text\n\nmore\n')
    expect(() => decodeNote(Uint8Array.of(255, 10, 10))).toThrow(MalformedError)
  })

  it('writes base64 as everybody does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
        expect(toHex(fromBase64(toBase64(bytes))!)).toBe(toHex(bytes))
      }),
    )
    for (const bad of ['A', 'AA=', 'A===', '====', 'AB==', 'AAB=', 'AA==AAAA', 'AA\n=', 'AA-_'])
      expect(fromBase64(bad), bad).toBeUndefined()
  })

  decoderConformance({ name: 'note', examples: [note], decode: decodeNote, encode: encodeNote })
})

describe('checkpoint', () => {
  it('opens as what was signed, with the signatures of others', () => {
    const opened = openCheckpoint(p, log, note)
    expect([opened.size, toHex(opened.root)]).toEqual([head.size, toHex(head.root)])
    expect(opened.text).toBe(checkpointText(log.origin, head))
    expect(toHex(encodeCheckpoint(p, log, opened))).toBe(toHex(note))
    expect(verifyCosignatures(p, opened, witnesses).map(({ time }) => time)).toEqual(
      witnesses.map((_, i) => 1_000 + i),
    )
    expect(isSignedHead(p, log, head, checkpoint.signature)).toBe(true)
    expect(isSignedHead(p, log, { ...head, size: 1 }, checkpoint.signature)).toBe(false)
  })

  it('has an origin that no signature of ours can be mistaken for', () => {
    const genesis = {
      v: 1,
      suite: 1,
      logKey: log.key,
      admins: [],
      witnessPolicy: 0,
      minimumSuite: 1,
    } as const
    const nonce = new Uint8Array(32).fill(17)
    expect(logIdentity({ ...genesis, nonce }).origin).toBe(`allmend/${'11'.repeat(32)}`)
  })

  it('refuses other logs, extension lines, odd sizes and roots, and signatures that do not fit', () => {
    const sign = (text: string, name = log.origin, by = seed) =>
      encodeNote({
        text,
        signatures: [
          {
            name,
            keyId: noteKeyId(p, name, NOTE_ED25519, p.ed25519Public(by)),
            signature: p.ed25519Sign(by, utf8(text)),
          },
        ],
      })
    const text = checkpointText(log.origin, head)
    openCheckpoint(p, log, sign(text))
    const root = toBase64(head.root)
    for (const bad of [
      `${text}extension\n`,
      `${log.origin}\n${head.size}\n`,
      `${log.origin}\n0${head.size}\n${root}\n`,
      `${log.origin}\n-1\n${root}\n`,
      `${log.origin}\n1.5\n${root}\n`,
      `${log.origin}\n9007199254740993\n${root}\n`,
      `${log.origin}\n${head.size}\n${root.slice(4)}\n`,
    ])
      expect(() => openCheckpoint(p, log, sign(bad)), bad).toThrow(MalformedError)
    for (const bad of [
      sign(text.replace('allmend', 'elsewhere')),
      sign(text, 'allmend/other'),
      sign(text, log.origin, witnessSeeds[0]!),
      encodeCheckpoint(p, log, { ...checkpoint, text: checkpointText(log.origin, { ...head, size: 5 }) }),
    ])
      expect(() => openCheckpoint(p, log, bad)).toThrow(UntrustedError)
  })

  it('every bent byte is refused, or belongs to a line that nobody counts', () => {
    fc.assert(
      fc.property(fc.nat(note.length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const bent = new Uint8Array(note)
        bent[at]! ^= bits
        try {
          const opened = openCheckpoint(p, log, bent)
          const counted = verifyCosignatures(p, opened, witnesses)
          expect([opened.size, toHex(opened.root)]).toEqual([head.size, toHex(head.root)])
          expect(counted.length).toBe(witnesses.length - 1)
        } catch (error) {
          expect(error).toBeInstanceOf(AllmendError)
        }
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('cosignatures and quorum', () => {
  it('a cosignature is over the time and the three lines', () => {
    const line = cosign(p, witnessSeeds[0]!, checkpoint, 1_679_315_147)
    expect(line.name).toBe(witnessName(witnesses[0]!.key))
    const signed = utf8(`cosignature/v1\ntime 1679315147\n${checkpoint.text}`)
    expect(toHex(line.signature.subarray(0, 8))).toBe('00000000641850cb')
    expect(p.ed25519Verify(witnesses[0]!.key, signed, line.signature.subarray(8))).toBe(true)
  })

  it('a forged one by a known witness is noticed; one for another head, time or key as well', () => {
    const [own] = witnesses
    const other = signCheckpoint(p, log, seed, { ...head, size: 5 })
    const real = cosign(p, witnessSeeds[0]!, checkpoint, 1_000)
    const bent = concatBytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 4, 0), real.signature.subarray(8))
    for (const forged of [
      cosign(p, witnessSeeds[0]!, other, 1_000),
      { ...real, signature: bent },
      { ...real, signature: real.signature.subarray(0, 64) },
      { ...real, signature: cosign(p, witnessSeeds[1]!, checkpoint, 1_000).signature },
    ])
      expect(() => verifyCosignatures(p, withSignatures(checkpoint, [forged]), [own!])).toThrow(
        UntrustedError,
      )
    const stranger = cosign(p, random.bytes(32), checkpoint, 1_000)
    expect(verifyCosignatures(p, withSignatures(checkpoint, [stranger]), witnesses)).toEqual([])
  })

  it('quorums are those of the design, and two of them share an honest operator', () => {
    const needed = (w: number) =>
      quorumOf(
        Array.from({ length: w }, (_, i) => witnessOf(i)),
        tracker,
      ).needed
    expect([0, 1, 2, 3, 4, 5, 6, 7, 10].map(needed)).toEqual([0, 0, 0, 2, 3, 4, 4, 5, 7])
    for (let w = 3; w < 60; w++) {
      const f = Math.floor((w - 1) / 3)
      expect(2 * needed(w) - w).toBeGreaterThan(f)
      // The liars cannot stop it by silence.
      expect(w - f).toBeGreaterThanOrEqual(needed(w))
    }
  })

  it("an operator counts once, the tracker's never", () => {
    const many = [witnessOf(0), witnessOf(0, 1), witnessOf(0, 2), { ...witnessOf(9), operator: tracker }]
    expect(quorumOf(many, tracker)).toEqual({ operators: 1, needed: 0 })
    const times = operatorTimes(
      many.map((witness, i) => ({ witness, time: 10 + i })),
      tracker,
    )
    expect(times).toEqual([12])
  })

  it('is fresh for ten minutes, by a clock near the witnesses’ median', () => {
    const quorum = quorumOf(
      Array.from({ length: 4 }, (_, i) => witnessOf(i)),
      tracker,
    )
    expect(quorumTime([10, 9], quorum)).toBeUndefined()
    expect(quorumTime([900, 800, 700, 100], quorum)).toEqual({ time: 700, median: 800 })
    const at = { time: 10_000, median: 10_000 }
    expect(freshness(at, 10_000, 10_600)).toBe('fresh')
    expect(freshness(at, 10_300, 10_600)).toBe('fresh')
    expect(freshness(at, 10_000, 10_601)).toBe('stale')
    expect(freshness(at, 10_301, 10_301)).toBe('clock')
    expect(freshness(at, 9_699, 9_699)).toBe('clock')
    expect(freshness(at, 10_000, 9_699)).toBe('clock')
  })
})

function witnessOf(operator: number, number = 0): Witness {
  return { operator: new Uint8Array(32).fill(operator), key: p.sha256(Uint8Array.of(operator, number)) }
}

const touch: Touch = [p.sha256(utf8('key')), 7, p.sha256(utf8('hash')), true]
decoderConformance({
  name: 'log entry',
  examples: [
    entryCodec.encode({
      v: 1,
      index: 9,
      kind: ENTRY_KIND.admit,
      time: 1_790_000_000_000,
      body: random.bytes(100),
      signatures: random.bytes(64),
      touched: random.bytes(32),
    }),
  ],
  decode: entryCodec.decode,
  encode: entryCodec.encode,
})
it('touches written by hand are those of the codec', () => {
  const touchArbitrary = fc.tuple(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.oneof(
      fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
      fc.nat(),
    ),
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.boolean(),
  )
  fc.assert(
    fc.property(fc.array(touchArbitrary, { maxLength: 30 }), (touches) => {
      expect(toHex(encodeTouches(touches))).toBe(toHex(touchesCodec.encode(touches)))
      const rising = touches.toSorted(([a], [b]) => compareBytes(a, b))
      const leaves = rising.map((item) => leafHash(p.sha256, touchCodec.encode(item)))
      if (new Set(rising.map(([key]) => toHex(key))).size === rising.length)
        expect(toHex(touchedRoot(p.sha256, rising))).toBe(toHex(merkleRoot(p.sha256, leaves)))
    }),
  )
  const many = Array.from({ length: 300 }, () => touch)
  expect(toHex(encodeTouches(many))).toBe(toHex(touchesCodec.encode(many)))
})

decoderConformance({
  name: 'node state',
  examples: [undefined, head.root, random.bytes(32)].map((content) =>
    nodeStateCodec.encode({
      parent: random.bytes(16),
      parentGen: 7,
      gen: 2 ** 40,
      version: 3,
      head: head.root,
      content,
      deleted: true,
      isFolder: content === undefined,
    }),
  ),
  decode: nodeStateCodec.decode,
  encode: nodeStateCodec.encode,
})
decoderConformance({
  name: 'touches',
  examples: [touchesCodec.encode([]), touchesCodec.encode([touch, touch])],
  decode: touchesCodec.decode,
  encode: touchesCodec.encode,
})
decoderConformance({
  name: 'heads',
  examples: [
    headsCodec.encode({ v: 1, map: random.bytes(32) }),
    headsCodec.encode({
      v: 1,
      map: random.bytes(32),
      anchor: { size: 4, root: random.bytes(32), block: 5, blockHash: random.bytes(32) },
    }),
  ],
  decode: headsCodec.decode,
  encode: headsCodec.encode,
})
decoderConformance({
  name: 'bundle of entries',
  examples: [
    encodeEntryBundle([]),
    encodeEntryBundle([random.bytes(3), new Uint8Array(0), random.bytes(300)]),
    encodeEntryBundle(Array.from({ length: 256 }, () => new Uint8Array(1))),
  ],
  decode: decodeEntryBundle,
  encode: encodeEntryBundle,
})
