/**
 * Cosignatures (C2SP tlog-cosignature, `cosignature/v1`, Ed25519): a witness says that at this time the checkpoint was the largest
 * that it had seen and consistent with all before; a witness of ours says besides that the map follows from the log.
 * The key is the witness's own and signs nothing else.
 */
import { toHex, utf8 } from '../../bytes.ts'
import { UntrustedError } from '../../errors.ts'
import type { Primitives } from '../../primitives.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { NoteSignature } from './note.ts'
import { NOTE_COSIGNATURE, isBy, noteKeyId } from './note.ts'

export interface Witness {
  /** Operators count once, however many witnesses they run. */
  readonly operator: Uint8Array
  /** Ed25519. */
  readonly key: Uint8Array
}

export interface Cosignature {
  readonly witness: Witness
  /** Unix seconds. */
  readonly time: number
}

const TIME_BYTES = 8
const SIGNATURE_BYTES = 64

/** The name under which a witness signs. */
export function witnessName(key: Uint8Array): string {
  return `allmend/witness/${toHex(key)}`
}

function cosigned(text: string, time: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${time}\n${text}`)
}

/** A witness's line for a checkpoint; `time` in Unix seconds. */
export function cosign(
  primitives: Pick<Primitives, 'sha256' | 'ed25519Sign' | 'ed25519Public'>,
  seed: Uint8Array,
  { text }: Pick<Checkpoint, 'text'>,
  time: number,
): NoteSignature {
  const key = primitives.ed25519Public(seed)
  const name = witnessName(key)
  const signature = new Uint8Array(TIME_BYTES + SIGNATURE_BYTES)
  new DataView(signature.buffer).setBigUint64(0, BigInt(time))
  signature.set(primitives.ed25519Sign(seed, cosigned(text, time)), TIME_BYTES)
  return { name, keyId: noteKeyId(primitives, name, NOTE_COSIGNATURE, key), signature }
}

/**
 * The cosignatures of known witnesses. Lines of others are passed over; a wrong one by a known witness is an UntrustedError, since
 * only a forger makes it.
 */
export function verifyCosignatures(
  primitives: Pick<Primitives, 'sha256' | 'ed25519Verify'>,
  { text, others }: Checkpoint,
  witnesses: readonly Witness[],
): Cosignature[] {
  const found: Cosignature[] = []
  for (const witness of witnesses) {
    const name = witnessName(witness.key)
    const keyId = noteKeyId(primitives, name, NOTE_COSIGNATURE, witness.key)
    for (const line of others) {
      if (!isBy(line, name, keyId)) continue
      const time = timeOf(line.signature)
      const bytes = line.signature.subarray(TIME_BYTES)
      if (time === undefined || !primitives.ed25519Verify(witness.key, cosigned(text, time), bytes))
        throw new UntrustedError('a cosignature of this checkpoint is forged', { witness: witness.key })
      found.push({ witness, time })
    }
  }
  return found
}

function timeOf(signature: Uint8Array): number | undefined {
  if (signature.length !== TIME_BYTES + SIGNATURE_BYTES) return undefined
  const time = Number(new DataView(signature.buffer, signature.byteOffset).getBigUint64(0))
  return Number.isSafeInteger(time) ? time : undefined
}
