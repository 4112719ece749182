import { naiveConsistency, naiveRoot } from '../../test/fixtures/log/naive-log.ts'
import { bytes, cbor, concat, ed25519Public, hex, map, sha256, signRaw, utf8 } from './reference.ts'

const base64 = (data: Uint8Array) => Buffer.from(data).toString('base64')
const keyId = (name: string, algorithm: number, key: Uint8Array) =>
  sha256(utf8(`${name}\n`), Uint8Array.of(algorithm), key).slice(0, 4)

export function checkpointVectors() {
  const [seed, nonce] = [bytes('log key'), bytes('nonce')]
  const [key, origin] = [ed25519Public(seed), `allmend/${hex(nonce)}`]
  const textOf = (size: number, root: Uint8Array) => `${origin}\n${size}\n${base64(root)}\n`
  const line = (name: string, data: Uint8Array) => `\u2014 ${name} ${base64(data)}\n`
  const own = (text: string) => line(origin, concat(keyId(origin, 1, key), signRaw(seed, utf8(text))))
  const leaves = Array.from({ length: 11 }, (_, i) => sha256(Uint8Array.of(0), utf8(`entry ${i}`)))
  const forked = leaves.map((leaf, i) => (i === 5 ? bytes('another entry') : leaf))
  const text = textOf(11, naiveRoot(leaves))
  const witness = (label: string, time: number) => {
    const secret = bytes(label)
    const publicKey = ed25519Public(secret)
    const name = `allmend/witness/${hex(publicKey)}`
    const stamp = Buffer.alloc(8)
    stamp.writeBigUInt64BE(BigInt(time))
    const signature = signRaw(secret, utf8(`cosignature/v1\ntime ${time}\n${text}`))
    return {
      seed: hex(secret),
      key: hex(publicKey),
      name,
      time,
      line: line(name, concat(keyId(name, 4, publicKey), stamp, signature)),
    }
  }
  const witnesses = [witness('witness 1', 1_790_000_000), witness('witness 2', 1_790_000_007)]
  const note = `${text}\n${own(text)}`
  const refuse = (what: string, bad: string) => ({ what, note: hex(utf8(bad)) })
  const signed = (bad: string) => `${bad}\n${own(bad)}`
  const smaller = textOf(7, naiveRoot(leaves.slice(0, 7)))
  const larger = textOf(11, naiveRoot(forked))
  return {
    description: 'Checkpoints, cosignatures and fork proofs, docs/spec/checkpoint.md.',
    seed: hex(seed),
    key: hex(key),
    nonce: hex(nonce),
    origin,
    size: 11,
    root: hex(naiveRoot(leaves)),
    note: hex(utf8(note)),
    witnesses,
    cosigned: hex(utf8(`${note}${witnesses.map((item) => item.line).join('')}`)),
    refused: [
      refuse('an extension line', signed(`${text}more\n`)),
      refuse('a size with a zero before it', signed(text.replace('\n11\n', '\n011\n'))),
      refuse('another origin', signed(text.replace('allmend', 'other'))),
      refuse('a root of 31 bytes', signed(textOf(11, naiveRoot(leaves).slice(1)))),
      refuse('no signature', `${text}\n`),
      refuse('the signature of another text', `${smaller}\n${own(text)}`),
      refuse('signed twice', `${note}${own(text)}`),
      refuse('a cosignature before the log’s signature', `${text}\n${witnesses[0]!.line}${own(text)}`),
      refuse('base64 without padding', note.replace(/=+\n$/, '\n')),
      refuse('no last newline', note.slice(0, -1)),
      refuse('a carriage return', note.replace('\n', '\r\n')),
    ],
    quorums: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 100].map((operators) => ({
      operators,
      needed: operators < 3 ? 0 : Math.floor((operators + Math.floor((operators - 1) / 3)) / 2) + 1,
    })),
    fork: {
      size: 7,
      roots: [naiveRoot(leaves.slice(0, 7)), naiveRoot(forked.slice(0, 7))].map(hex),
      encoded: hex(
        cbor(
          map(
            [0, 1],
            [1, utf8(signed(larger))],
            [2, utf8(signed(smaller))],
            [4, naiveRoot(forked.slice(0, 7))],
            [5, naiveConsistency(7, forked)],
          ),
        ),
      ),
    },
  }
}
