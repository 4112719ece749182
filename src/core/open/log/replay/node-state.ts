/**
 * What rules remember of a node, in a layout of its own, since there is one for each file: parent (16), parentGen, gen, version (6
 * each, big-endian), head (32), flags (1: 1 deleted, 2 file, 4 folder, 8 contents before the head), with flag 8 content (32).
 */
import { equalBytes } from '../../bytes.ts'
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
  /** Id of the newest change with a manifest: a file's. */
  readonly content: Uint8Array | undefined
  /** Has or had children: a folder. */
  readonly isFolder: boolean
}

const NUMBER_BYTES = 6
/** Generations and versions of one node: nobody makes 2^48 changes. */
const MAX_NUMBER = 2 ** 48 - 1
const HEAD_AT = NODE_ID_BYTES + 3 * NUMBER_BYTES
const FLAGS_AT = HEAD_AT + ID_BYTES
const ROW_BYTES = FLAGS_AT + 1
const FLAG = { deleted: 1, file: 2, folder: 4, earlierContent: 8 } as const

export const nodeStateCodec: Codec<NodeState> = {
  encode(state) {
    const { content } = state
    // Most files were written once: then their contents are their head's.
    const isEarlier = content !== undefined && !equalBytes(content, state.head)
    const out = new Uint8Array(ROW_BYTES + (isEarlier ? ID_BYTES : 0))
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
    out[FLAGS_AT] =
      (state.deleted ? FLAG.deleted : 0) |
      (content === undefined ? 0 : FLAG.file) |
      (state.isFolder ? FLAG.folder : 0) |
      (isEarlier ? FLAG.earlierContent : 0)
    if (isEarlier) out.set(content, ROW_BYTES)
    return out
  },
  decode(bytes) {
    const flags = bytes[FLAGS_AT]
    const damaged = () => new MalformedError('a stored node is damaged')
    if (flags === undefined || flags > 15) throw damaged()
    const isFile = (flags & FLAG.file) > 0
    const isEarlier = (flags & FLAG.earlierContent) > 0
    if (bytes.length !== ROW_BYTES + (isEarlier ? ID_BYTES : 0) || (isEarlier && !isFile)) throw damaged()
    const head = bytes.slice(HEAD_AT, FLAGS_AT)
    const content = isEarlier ? bytes.slice(ROW_BYTES) : isFile ? head : undefined
    if (isEarlier && equalBytes(bytes.subarray(ROW_BYTES), head)) throw damaged()
    const number = (i: number): number => {
      const start = NODE_ID_BYTES + i * NUMBER_BYTES
      return bytes.subarray(start, start + NUMBER_BYTES).reduce((sum, byte) => sum * 256 + byte, 0)
    }
    return {
      parent: bytes.slice(0, NODE_ID_BYTES),
      parentGen: number(0),
      gen: number(1),
      version: number(2),
      head,
      content,
      deleted: (flags & FLAG.deleted) > 0,
      isFolder: (flags & FLAG.folder) > 0,
    }
  },
}
