import { AllmendError } from '../../core/open/errors.ts'
import { isSignedHead } from '../../core/open/log/heads/checkpoint.ts'
import type { Head } from '../../core/open/objects/operation.ts'
import type { LogClient } from './log-client.ts'

/**
 * Heads that providers name as the newest that they have cosigned: each is held against the log while the command goes on. A fork is
 * pinned at once, so nothing more is written; `settled` tells what was found.
 */
export class HeardHeads {
  readonly #log: LogClient
  readonly #meeting = new Set<Promise<void>>()
  #found: { readonly error: unknown } | undefined

  constructor(log: LogClient) {
    this.#log = log
  }

  hear(head: Head): void {
    const meeting = this.#meet(head).finally(() => this.#meeting.delete(meeting))
    this.#meeting.add(meeting)
  }

  async #meet(head: Head): Promise<void> {
    const { parts, identity } = this.#log
    // What the log has not signed says nothing about it: any provider can make that up.
    if (!isSignedHead(parts.primitives, identity, head, head.signature)) return
    try {
      const { forked } = await this.#log.pins()
      if (forked === undefined) await this.#log.meetHead(head)
    } catch (error) {
      // A tracker that is away has shown nothing.
      if (error instanceof AllmendError && error.policy === 'retry') return
      this.#found ??= { error }
    }
  }

  /** Resolves when all of them were looked at. */
  async idle(): Promise<void> {
    await Promise.all(this.#meeting)
  }

  /** The same; throws ForkedError or UntrustedError where one contradicts the log. */
  async settled(): Promise<void> {
    await this.idle()
    if (this.#found !== undefined) throw this.#found.error
  }
}
