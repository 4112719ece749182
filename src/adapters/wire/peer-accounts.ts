/**
 * What a transport spends on each peer and remembers of it. Invariants: all connections of a peer share one account; an account
 * lives while something is spent or remembered on it; the number of remembered peers is bounded. Keys cost nothing, so whoever has many could
 * take all connections: where there are no more, the address that has most of them gives one up.
 */
import { ByteBudget } from '../../core/open/byte-budget.ts'
import { toHex } from '../../core/open/bytes.ts'
import type { AllmendError } from '../../core/open/errors.ts'
import type { WireClock } from './clock.ts'
import type { Connection } from '../../ports/transport.ts'
import type { WireLimits } from './limits.ts'
import { BAN_MS, MAX_REFUSALS, SMALL_ANSWER_BYTES, UNKNOWN_ANSWER_BYTES } from './limits.ts'

/** Peers remembered for what they did; the oldest is forgotten first. A record is some hundred bytes. */
const MAX_REMEMBERED = 10_000
/** Answers of at most SMALL_ANSWER_BYTES to one peer, bytes. */
const PEER_SMALL_ANSWER_BYTES = 64 * SMALL_ANSWER_BYTES

/** A connection that can be given up for another. */
export interface HeldSession extends Pick<Connection, 'close' | 'remoteAddress'> {
  /** Nothing is under way on it. */
  readonly isIdle: boolean
  /** Clock time of the last byte. */
  readonly heardAt: number
}

/** One peer's budgets and record. */
export class PeerAccount {
  readonly requests: ByteBudget
  readonly responses: ByteBudget
  readonly answers: ByteBudget
  readonly smallAnswers: ByteBudget
  /** As many as `connections` soon after they were opened. */
  readonly sessions = new Set<HeldSession>()
  connections = 0
  refusals = 0
  /** Clock time until which the peer is refused, and why. */
  ban: { readonly until: number; readonly reason: AllmendError } | undefined

  constructor(limits: WireLimits, shared: SharedBudgets) {
    this.requests = new ByteBudget(limits.peerRequestBytes, shared.requests)
    this.responses = new ByteBudget(limits.peerResponseBytes, shared.responses)
    this.answers = new ByteBudget(limits.peerAnswerBytes, shared.answers)
    this.smallAnswers = new ByteBudget(PEER_SMALL_ANSWER_BYTES)
  }
}

interface SharedBudgets {
  readonly requests: ByteBudget
  readonly responses: ByteBudget
  readonly answers: ByteBudget
}

/** The accounts of one transport. */
export class PeerAccounts {
  readonly #limits: WireLimits
  readonly #clock: WireClock
  readonly #accounts = new Map<string, PeerAccount>()
  readonly #largestAnswer = new Map<number, number>()
  readonly shared: SharedBudgets
  connections = 0

  constructor(limits: WireLimits, clock: WireClock) {
    this.#limits = limits
    this.#clock = clock
    this.shared = {
      requests: new ByteBudget(limits.requestBytes),
      responses: new ByteBudget(limits.responseBytes),
      answers: new ByteBudget(limits.answerBytes),
    }
  }

  /** Why this peer is refused now, if it is. */
  banned(peerId: Uint8Array): AllmendError | undefined {
    const account = this.#accounts.get(toHex(peerId))
    if (account?.ban === undefined) return undefined
    if (account.ban.until > this.#clock.now()) return account.ban.reason
    account.ban = undefined
    account.refusals = 0
    this.#forgetIfIdle(toHex(peerId), account)
    return undefined
  }

  /** Counts a connection; undefined when the peer, or all together, have as many as they may. */
  open(peerId: Uint8Array): PeerAccount | undefined {
    const name = toHex(peerId)
    const account = this.#accounts.get(name) ?? new PeerAccount(this.#limits, this.shared)
    this.#accounts.delete(name)
    this.#accounts.set(name, account)
    this.#trim()
    if (account.connections >= this.#limits.connectionsPerPeer) {
      account.refusals++
      return undefined
    }
    if (this.connections >= this.#limits.connections && !this.#giveUpOne()) {
      this.#forgetIfIdle(name, account)
      return undefined
    }
    account.connections++
    this.connections++
    return account
  }

  /** Whether the peer was refused for its number of connections so often that it must be on purpose. */
  floods(peerId: Uint8Array): boolean {
    return (this.#accounts.get(toHex(peerId))?.refusals ?? 0) > MAX_REFUSALS
  }

  close(peerId: Uint8Array, session: HeldSession): void {
    const name = toHex(peerId)
    const account = this.#accounts.get(name)
    if (account === undefined) return
    account.sessions.delete(session)
    account.connections--
    this.connections--
    if (account.connections === 0 && account.ban === undefined) account.refusals = 0
    this.#forgetIfIdle(name, account)
  }

  /** Refuses the peer for a while and ends its connections. */
  remember(peerId: Uint8Array, reason: AllmendError): void {
    const name = toHex(peerId)
    const account = this.#accounts.get(name) ?? new PeerAccount(this.#limits, this.shared)
    account.ban = { until: this.#clock.now() + BAN_MS, reason }
    this.#accounts.delete(name)
    this.#accounts.set(name, account)
    this.#trim()
    for (const session of account.sessions) void session.close()
  }

  /** The bytes to hold for an answer of this method: the largest seen so far. */
  expectedAnswer(method: number): number {
    return this.#largestAnswer.get(method) ?? UNKNOWN_ANSWER_BYTES
  }

  sawAnswer(method: number, bytes: number): void {
    const largest = this.#largestAnswer.get(method) ?? 0
    if (bytes >= largest) this.#largestAnswer.set(method, bytes)
  }

  /** Ends the connection that was silent for longest, of those without work from the address that has most; false where there is none. */
  #giveUpOne(): boolean {
    const byHost = Map.groupBy(
      [...this.#accounts.values()].flatMap(({ sessions }) => [...sessions]),
      ({ remoteAddress }) => remoteAddress.slice(0, remoteAddress.lastIndexOf(':')),
    )
    for (const sessions of [...byHost.values()].sort((a, b) => b.length - a.length)) {
      const idle = sessions.filter(({ isIdle }) => isIdle).sort((a, b) => a.heardAt - b.heardAt)
      if (idle[0] === undefined) continue
      void idle[0].close()
      return true
    }
    return false
  }

  #trim(): void {
    if (this.#accounts.size <= MAX_REMEMBERED) return
    for (const [oldest, account] of this.#accounts) {
      if (account.connections > 0) continue
      this.#accounts.delete(oldest)
      return
    }
  }

  #forgetIfIdle(name: string, account: PeerAccount): void {
    const { requests, responses, answers } = account
    const spent = !(requests.idle && responses.idle && answers.idle && account.smallAnswers.idle)
    if (account.connections === 0 && account.ban === undefined && !spent) this.#accounts.delete(name)
  }
}
