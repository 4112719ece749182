/**
 * Proofs that this log has two histories, as they were handed in. Whoever hands in more gains nothing: the first ones stay, and one is
 * enough. Those that rest on the ledger prove nothing until somebody has asked it, so they have places of their own.
 */
import { equalBytes } from '../../core/open/bytes.ts'
import { AllmendError } from '../../core/open/errors.ts'
import { forkProofCodec } from '../../core/open/log/heads/fork-proof.ts'

/** Kept of each sort; 136 KiB each. */
export const MAX_FORK_PROOFS = 8

export class ForkProofs {
  readonly #signed: Uint8Array[] = []
  readonly #anchored: Uint8Array[] = []
  readonly #save: (proof: Uint8Array) => void

  /** `kept` are those of earlier starts, the oldest first; `save` keeps a new one for the next. */
  constructor(kept: readonly Uint8Array[], save: (proof: Uint8Array) => void) {
    for (const proof of kept) this.#take(proof)
    this.#save = save
  }

  /** Two heads that the log has signed contradict each other in each of these. */
  get signed(): readonly Uint8Array[] {
    return this.#signed
  }

  /** Keeps a verified proof where there is room; false where there is none, or it is known. */
  keep(proof: Uint8Array): boolean {
    if (!this.#take(proof)) return false
    this.#save(proof)
    return true
  }

  #take(proof: Uint8Array): boolean {
    const list = this.#listOf(proof)
    if (list === undefined || list.length >= MAX_FORK_PROOFS) return false
    if (list.some((known) => equalBytes(known, proof))) return false
    list.push(proof)
    return true
  }

  #listOf(proof: Uint8Array): Uint8Array[] | undefined {
    try {
      return forkProofCodec.decode(proof).anchor === undefined ? this.#signed : this.#anchored
    } catch (error) {
      // A file that somebody else put there.
      if (!(error instanceof AllmendError)) throw error
      return undefined
    }
  }
}
