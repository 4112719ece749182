/** What of the plaintext is where, in bytes; each only rises. `sent` >= `decodable` >= `atTarget` at any time. */
export class UploadProgress {
  sent = 0
  decodable = 0
  atTarget = 0
  /** Shard bytes that were really handed to the network. */
  wire = 0
  readonly #changed: () => void

  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** Bytes that were in the pool already, in healthy stripes. */
  known(bytes: number): void {
    this.sent += bytes
    this.decodable += bytes
    this.atTarget += bytes
    this.#changed()
  }

  add(what: 'sent' | 'decodable' | 'atTarget', bytes: number): void {
    this[what] += bytes
    this.#changed()
  }
}
