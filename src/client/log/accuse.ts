/** What follows when the tracker was caught: evidence on disk first, then the error; a proven fork is pinned between the two. */
import type { ErrorFacts } from '../../core/open/errors.ts'
import { AllmendError, ForkedError, UntrustedError } from '../../core/open/errors.ts'
import type { ForkProof } from '../../core/open/log/heads/fork-proof.ts'
import { forkProofCodec } from '../../core/open/log/heads/fork-proof.ts'
import { reportFork } from '../../core/open/protocol/log-methods.ts'
import type { Clock } from '../../ports/clock.ts'
import type { PinStore } from '../../ports/pin-store.ts'
import type { Identity } from '../client-parts.ts'
import type { LogClient } from './log-client.ts'
import type { Evidence } from './log-evidence.ts'
import { evidenceCodec } from './log-evidence.ts'

/** What keeping evidence takes. */
export interface EvidenceParts {
  readonly pins: Pick<PinStore, 'saveEvidence'>
  readonly clock: Pick<Clock, 'now'>
  readonly identity: Pick<Identity, 'genesis'>
}

/** Keeps evidence and gives the error to throw: an answer that can't be believed, which the next one may mend. */
export async function mistrust(
  log: { readonly parts: EvidenceParts },
  reason: string,
  evidence: Partial<Evidence> = {},
  facts: ErrorFacts = {},
): Promise<UntrustedError> {
  const kept = await keep(log, 'mistrust', reason, evidence)
  return new UntrustedError(`${reason}. Evidence: ${kept}`, { ...facts, evidence: kept })
}

/** Does what judges an answer: where it is refused, what `evidence` gives is kept with the error. */
export async function judged<T>(
  log: Pick<LogClient, 'mistrust'>,
  evidence: () => Partial<Evidence>,
  judge: () => T | Promise<T>,
): Promise<T> {
  try {
    return await judge()
  } catch (error) {
    if (!(error instanceof AllmendError) || error.policy !== 'blame-peer') throw error
    // What lies deeper was kept there.
    if (error.facts['evidence'] !== undefined) throw error
    throw await log.mistrust(error.message, evidence(), error.facts)
  }
}

/** Freezes the client for good, tells the tracker, and gives the error to throw. */
export async function freeze(
  log: LogClient,
  reason: string,
  evidence: Partial<Evidence>,
  fork?: ForkProof,
): Promise<ForkedError> {
  const proof = fork === undefined ? undefined : forkProofCodec.encode(fork)
  const kept = await keep(log, 'fork', reason, {
    ...evidence,
    ...(proof === undefined ? {} : { fork: proof }),
  })
  const since = log.parts.clock.now()
  await log.update((pins) => ({ ...pins, forked: pins.forked ?? { since, reason, evidence: kept } }))
  if (proof !== undefined)
    try {
      await log.tracker.call(reportFork, { proof })
    } catch (error) {
      // Whoever forks may refuse to hear of it; the evidence is on disk.
      if (!(error instanceof AllmendError)) throw error
    }
  return new ForkedError(`${reason}: nothing is written any more. Evidence: ${kept}`, { evidence: kept })
}

function keep(
  { parts }: { readonly parts: EvidenceParts },
  name: string,
  reason: string,
  evidence: Partial<Evidence>,
): Promise<string> {
  const { pins, clock, identity } = parts
  const whole: Evidence = {
    v: 1,
    consistency: [],
    keys: [],
    entries: [],
    ...evidence,
    reason,
    time: clock.now(),
    genesis: identity.genesis,
  }
  return pins.saveEvidence(name, evidenceCodec.encode(whole))
}
