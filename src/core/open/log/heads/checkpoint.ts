/**
 * Checkpoints (C2SP tlog-checkpoint): a signed note of three lines, origin, size, root; no extension lines, since nobody audits
 * these. Invariants:
 * - the origin is `allmend/` + hex of the genesis' nonce, so a checkpoint is of one pool's log only.
 * - the log's own signature stands first and is verified over the text as received, before anything else is believed.
 */
import { toHex, utf8 } from '../../bytes.ts'
import { MalformedError, UntrustedError } from '../../errors.ts'
import type { Genesis } from '../../objects/identity.ts'
import type { Primitives } from '../../primitives.ts'
import { fromBase64, toBase64 } from './base64.ts'
import type { Note, NoteSignature } from './note.ts'
import { NOTE_ED25519, decodeNote, encodeNote, isBy, noteKeyId } from './note.ts'
import { HASH_BYTES } from '../tile.ts'
import type { TreeHead } from '../verify-consistency.ts'

/** Whose log it is: both stand in the genesis. */
export interface LogIdentity {
  readonly origin: string
  /** Ed25519. */
  readonly key: Uint8Array
}

export function logIdentity(genesis: Genesis): LogIdentity {
  return { origin: `allmend/${toHex(genesis.nonce)}`, key: genesis.logKey }
}

/** A checkpoint that the log has signed. */
export interface Checkpoint extends TreeHead {
  /** The three lines that are signed. */
  readonly text: string
  /** The log key's, 64 bytes. */
  readonly signature: Uint8Array
  /** All others, unverified. */
  readonly others: readonly NoteSignature[]
}

type Hasher = Pick<Primitives, 'sha256'>
type Verifier = Pick<Primitives, 'sha256' | 'ed25519Verify'>
type Signer = Pick<Primitives, 'sha256' | 'ed25519Sign'>

/** What the log key signs for a tree of this size and root. */
export function checkpointText(origin: string, { size, root }: TreeHead): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`
}

/** Signs a head by the seed of the log key. */
export function signCheckpoint(
  primitives: Signer,
  log: LogIdentity,
  seed: Uint8Array,
  head: TreeHead,
): Checkpoint {
  const text = checkpointText(log.origin, head)
  const signature = primitives.ed25519Sign(seed, utf8(text))
  return { size: head.size, root: head.root, text, signature, others: [] }
}

/** The note of a checkpoint: the log's signature and then the others. */
export function encodeCheckpoint(primitives: Hasher, log: LogIdentity, checkpoint: Checkpoint): Uint8Array {
  const { text, signature, others } = checkpoint
  const own = { name: log.origin, keyId: logKeyId(primitives, log), signature }
  return encodeNote({ text, signatures: [own, ...others] })
}

/** The same checkpoint with more signatures; one that stands there already isn't doubled. */
export function withSignatures(checkpoint: Checkpoint, more: readonly NoteSignature[]): Checkpoint {
  const known = new Map(
    [...checkpoint.others, ...more].map((item) => [`${item.name} ${toHex(item.keyId)}`, item]),
  )
  return { ...checkpoint, others: [...known.values()] }
}

/**
 * Reads a checkpoint and verifies that this log signed it. Throws MalformedError for what is none, UntrustedError for one of
 * another log or with a wrong signature.
 */
export function openCheckpoint(primitives: Verifier, log: LogIdentity, bytes: Uint8Array): Checkpoint {
  const note = decodeNote(bytes)
  const head = parseHead(note, log.origin)
  const keyId = logKeyId(primitives, log)
  const [first, ...others] = note.signatures
  if (first === undefined || !isBy(first, log.origin, keyId))
    throw new UntrustedError("the first signature of a checkpoint is the log's")
  if (others.some((item) => isBy(item, log.origin, keyId)))
    throw new MalformedError('the log signs a checkpoint once')
  if (!primitives.ed25519Verify(log.key, utf8(note.text), first.signature))
    throw new UntrustedError("the log's signature of this checkpoint is wrong")
  return { ...head, text: note.text, signature: first.signature, others }
}

/** Whether the log signed this head: what an operation's `head` claims. */
export function isSignedHead(
  primitives: Verifier,
  log: LogIdentity,
  head: TreeHead,
  signature: Uint8Array,
): boolean {
  return primitives.ed25519Verify(log.key, utf8(checkpointText(log.origin, head)), signature)
}

function logKeyId(primitives: Hasher, log: LogIdentity): Uint8Array {
  return noteKeyId(primitives, log.origin, NOTE_ED25519, log.key)
}

const SIZE = /^(0|[1-9][0-9]{0,15})$/

function parseHead({ text }: Note, origin: string): TreeHead {
  const lines = text.split('\n')
  // What follows the last newline is empty.
  if (lines.length !== 4) throw new MalformedError('a checkpoint has three lines and no extensions')
  const [name, size, encoded] = lines
  if (name !== origin) throw new UntrustedError('this checkpoint is of another log')
  const root = fromBase64(encoded!)
  if (!SIZE.test(size!) || !Number.isSafeInteger(Number(size)))
    throw new MalformedError('the size of a checkpoint is a plain number')
  if (root?.length !== HASH_BYTES) throw new MalformedError('the root of a checkpoint has 32 bytes')
  return { size: Number(size), root }
}
