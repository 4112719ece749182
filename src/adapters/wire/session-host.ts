import type { AllmendError } from '../../core/open/errors.ts'
import { BusyError, DeniedError } from '../../core/open/errors.ts'
import type { RequestHandler } from '../../ports/transport.ts'
import type { WireClock } from './clock.ts'
import { systemClock } from './clock.ts'
import type { WireLimits } from './limits.ts'
import { wireLimits } from './limits.ts'
import type { LineLimits } from './line-limits.ts'
import type { ByteLink } from './link.ts'
import { PeerAccounts } from './peer-accounts.ts'
import { sha256PeerId } from './peer-id.ts'
import { Session } from './session.ts'

/** What every transport over sessions takes. */
export interface SessionHostOptions {
  readonly limits?: Partial<WireLimits>
  readonly clock?: WireClock
  /** Those of another transport of this node, so that a peer has one budget over both; default: own ones within `limits`. */
  readonly accounts?: PeerAccounts
  /** What this process may move, over all its transports; anything without. */
  readonly line?: Pick<LineLimits, 'paceOf'>
  /** Told of faults of our own: what a handler threw that is not an AllmendError. Default: a process warning. */
  readonly onFault?: (error: unknown) => void
}

export interface Adoption {
  readonly handler: RequestHandler | undefined
  readonly maxBodyBytes?: ((method: number) => number) | undefined
  readonly freeBodies?: boolean | undefined
  /** Holds the session while it lives. */
  readonly owner: Set<Session>
}

/** A link whose reader can be set. */
export interface AttachableLink extends ByteLink {
  attach(session: Session): void
}

/** Makes the sessions of one transport and keeps what it knows of peers. */
export class SessionHost {
  readonly accounts: PeerAccounts
  readonly clock: WireClock
  readonly #line: SessionHostOptions['line'] | undefined
  readonly onFault: (error: unknown) => void

  constructor(options: SessionHostOptions) {
    this.clock = options.clock ?? systemClock
    this.#line = options.line
    this.onFault =
      options.onFault ?? ((error) => process.emitWarning(error instanceof Error ? error : String(error)))
    this.accounts = options.accounts ?? new PeerAccounts(wireLimits(options.limits), this.clock)
  }

  /** Why a peer is refused at present, if it is. */
  refused(peerId: Uint8Array): AllmendError | undefined {
    const earlier = this.accounts.banned(peerId)
    if (earlier === undefined) return undefined
    return new DeniedError('refused for a while after a breach of the protocol', { reason: earlier.code })
  }

  /** Starts the session of a proven peer on its link; or says why it may have none, and leaves the link alone. */
  adopt(peerKey: Uint8Array, adoption: Adoption, makeLink: () => AttachableLink): Session | AllmendError {
    const peerId = sha256PeerId(peerKey)
    const { accounts, clock, onFault } = this
    const refused = this.refused(peerId)
    if (refused !== undefined) return refused
    const account = accounts.open(peerId)
    if (account === undefined) {
      const reason = new BusyError('too many connections')
      if (accounts.floods(peerId)) accounts.remember(peerId, reason)
      return reason
    }
    const { handler, maxBodyBytes, freeBodies = false, owner } = adoption
    const link = makeLink()
    const session: Session = new Session({
      link,
      peerKey,
      account,
      accounts,
      clock,
      ...(this.#line === undefined ? {} : { pace: this.#line.paceOf(link) }),
      handler,
      maxBodyBytes,
      freeBodies,
      onFault,
      onEnd: (breach) => {
        owner.delete(session)
        accounts.close(peerId, session)
        if (breach !== undefined) accounts.remember(peerId, breach)
      },
    })
    account.sessions.add(session)
    owner.add(session)
    link.attach(session)
    return session
  }
}
