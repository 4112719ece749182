/**
 * What rules remember of a node, in a layout of its own, since there is one for each file: parent (16), parentGen, gen, version (6
 * each, big-endian), head (32), flags (1: 1 deleted, 2 file, 4 folder).
 */
import { MalformedError } from '../../errors.ts'
import type { Codec } from '../../schema.ts'
import { ID_BYTES, NODE_ID_BYTES } from '../../objects/suite.ts'

export interface NodeState {
  /** Zeros for a root. */
  readonly parent: Uint8Array
  readonly parentGen: number
  readonly gen: number
  readonly version: number
  /** Id of the newest change. */
  readonly head: Uint8Array
  /** Deleted itself. */
  readonly deleted: boolean
  /** Has contents: a file. */
  readonly isFile: boolean
  /** Has or had children: a folder. */
  readonly isFolder: boolean
}

const NUMBER_BYTES = 6
/** Generations and versions of one node: nobody makes 2^48 changes. */
const MAX_NUMBER = 2 ** 48 - 1
const HEAD_AT = NODE_ID_BYTES + 3 * NUMBER_BYTES
const FLAGS_AT = HEAD_AT + ID_BYTES
const ROW_BYTES = FLAGS_AT + 1

export const nodeStateCodec: Codec<NodeState> = {
  encode(state) {
    const out = new Uint8Array(ROW_BYTES)
    out.set(state.parent, 0)
    for (const [i, value] of [state.parentGen, state.gen, state.version].entries()) {
      if (value > MAX_NUMBER) throw new MalformedError('a node has fewer generations and versions', { value })
      let rest = value
      for (let at = NODE_ID_BYTES + (i + 1) * NUMBER_BYTES - 1; rest > 0; at--) {
        out[at] = rest % 256
        rest = Math.floor(rest / 256)
      }
    }
    out.set(state.head, HEAD_AT)
    out[FLAGS_AT] = (state.deleted ? 1 : 0) | (state.isFile ? 2 : 0) | (state.isFolder ? 4 : 0)
    return out
  },
  decode(bytes) {
    const flags = bytes[FLAGS_AT]
    if (bytes.length !== ROW_BYTES || flags === undefined || flags > 7)
      throw new MalformedError('a stored node is damaged')
    const number = (i: number): number => {
      const start = NODE_ID_BYTES + i * NUMBER_BYTES
      return bytes.subarray(start, start + NUMBER_BYTES).reduce((sum, byte) => sum * 256 + byte, 0)
    }
    return {
      parent: bytes.slice(0, NODE_ID_BYTES),
      parentGen: number(0),
      gen: number(1),
      version: number(2),
      head: bytes.slice(HEAD_AT, FLAGS_AT),
      deleted: (flags & 1) > 0,
      isFile: (flags & 2) > 0,
      isFolder: (flags & 4) > 0,
    }
  },
}
