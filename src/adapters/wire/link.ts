/** An authenticated, ordered, reliable byte stream under a session. Who makes one hands what arrives to the session. */
export interface ByteLink {
  /** host:port of the other end as seen from here. */
  readonly remoteAddress: string
  /** The other end is reached through a relay, whose address that is. */
  readonly isRelayed?: boolean
  /** Queues `bytes`, which stay untouched until `done`; `done` comes when the layer below has taken them, or never. */
  write(bytes: Uint8Array, done: () => void): void
  /** Sends what is queued, then ends the stream; at the latest after `graceMs`. */
  end(graceMs: number): void
  /** Ends the stream now. */
  destroy(): void
}
