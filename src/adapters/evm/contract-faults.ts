/** What the contracts' custom errors mean to a caller. */
import type { Abi, Hex } from 'viem'
import { decodeErrorResult } from 'viem'
import type { AllmendError } from '../../core/open/errors.ts'
import {
  CapacityError,
  ConflictError,
  DeniedError,
  NotEnoughProvidersError,
  NotFoundError,
  UsageError,
} from '../../core/open/errors.ts'
import { RpcRefusal } from './json-rpc.ts'

type Meaning = (cause: RpcRefusal, args: readonly unknown[]) => AllmendError

const denied =
  (message: string): Meaning =>
  (cause) =>
    new DeniedError(message, {}, { cause })
const conflict =
  (message: string): Meaning =>
  (cause) =>
    new ConflictError(message, {}, { cause })
const capacity =
  (message: string): Meaning =>
  (cause) =>
    new CapacityError(message, {}, { cause })
const missing =
  (message: string): Meaning =>
  (cause) =>
    new NotFoundError(message, {}, { cause })
const usage =
  (message: string): Meaning =>
  (cause) =>
    new UsageError(message, {}, { cause })

const MEANINGS: Readonly<Record<string, Meaning>> = {
  NotAnchor: denied('this key is not the pool’s anchoring one'),
  WrongSignature: denied('a signature in this request is not its signer’s'),
  NameTaken: conflict('the name is taken'),
  OwnerTaken: conflict('this owner has a name already'),
  AlreadyAdmitted: conflict('the provider is in the ledger already'),
  Retired: conflict('the provider was retired'),
  NotLarger: conflict('the ledger has a head of this size or a larger one'),
  NotNewer: conflict('the ledger has this epoch or a newer one'),
  DomainFull: capacity('a failure domain has 64 providers at most'),
  TooManyDomains: capacity('a pool has 4,096 failure domains at most'),
  TooHeavy: capacity('the providers’ weights exceed 32 bits: the pool’s unit is too small'),
  NoSuchName: missing('the ledger has no such name'),
  NoSuchProvider: missing('the ledger has no such provider'),
  NoSuchHead: missing('the ledger has no such head'),
  NotAName: usage('a member name has 3 to 32 letters a-z, digits and hyphens'),
  TooMany: usage('too many entries at once'),
  Zero: usage('zero is no id, no key and no address'),
  BadRequest: usage('the draw exceeds its limits'),
  ScoreTooHigh: usage('a score is 10,000 at most'),
  NotEnough: (cause, [needed, available]) =>
    new NotEnoughProvidersError(
      `${String(needed)} providers are needed at once, and ${String(available)} can be drawn`,
      { needed: Number(needed), available: Number(available) },
      { cause },
    ),
}

/** The typed error of a reverted call; anything else is given back as it is. */
export function meaningOf(error: unknown, abi: Abi): unknown {
  if (!(error instanceof RpcRefusal) || error.data === undefined) return error
  let decoded
  try {
    decoded = decodeErrorResult({ abi, data: error.data as Hex })
  } catch {
    // Not one of the contract's: the node's refusal says what there is to say.
    return error
  }
  return MEANINGS[decoded.errorName]?.(error, decoded.args ?? []) ?? error
}

/** A node that keeps no state of an old block says so in many words. */
export function isMissingState(error: unknown): boolean {
  return (
    error instanceof RpcRefusal &&
    error.data === undefined &&
    /missing trie|state|OutOfRange|not found|pruned|header/i.test(error.message)
  )
}
