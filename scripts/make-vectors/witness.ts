import { H, bytes, cbor, concat, ed25519Public, hex, map, sign } from './reference.ts'

const p = (...parts: readonly (Uint8Array | number)[]) => H('p', cbor(parts)).slice(0, 16)

/** Admins by number; -1 is a member who is none. */
const STANDINGS = [
  { admins: 1, inviter: 0, approved: [], withdrawn: [], standing: 'invited' },
  { admins: 1, inviter: -1, approved: [], withdrawn: [], standing: 'waiting' },
  { admins: 1, inviter: -1, approved: [0], withdrawn: [], standing: 'approved' },
  { admins: 1, inviter: -1, approved: [-1], withdrawn: [], standing: 'waiting' },
  { admins: 1, inviter: 0, approved: [], withdrawn: [0], standing: 'withdrawn' },
  { admins: 2, inviter: -1, approved: [0], withdrawn: [], standing: 'waiting' },
  { admins: 2, inviter: 1, approved: [], withdrawn: [0], standing: 'invited' },
  { admins: 2, inviter: 1, approved: [], withdrawn: [0, 1], standing: 'withdrawn' },
  { admins: 3, inviter: -1, approved: [0, 2], withdrawn: [1], standing: 'approved' },
  { admins: 3, inviter: -1, approved: [0], withdrawn: [1], standing: 'waiting' },
] as const

export function witnessVectors() {
  const pool = bytes('pool')
  const [operator, member, device] = [bytes('operator'), bytes('admin'), bytes('device', 16)]
  const seed = bytes('device sign')
  const vote = (approved: boolean, seq: number) => {
    const body = cbor(map([0, 1], [1, operator], [2, approved], [3, seq], [4, member], [5, device]))
    return { approved, seq, body: hex(body), signature: hex(sign('witness-vote', pool, seed, body)) }
  }
  return {
    description: 'Who may witness, docs/spec/witness.md. Admins are numbered; -1 is a member who is none.',
    pool: hex(pool),
    signPublic: hex(ed25519Public(seed)),
    operator: hex(operator),
    member: hex(member),
    votes: [vote(true, 1), vote(false, 2)],
    mapKey: hex(concat(p(5), p(operator, member))),
    standings: STANDINGS,
  }
}
