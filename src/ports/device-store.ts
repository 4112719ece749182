/**
 * What a device must not forget between commands. Hard promises of every adapter:
 * - `savePending` and `saveCommitted` return after the state is on disk; a crash leaves the old state or the new one.
 * - `exclusive` runs one section at a time for the whole home, across processes, and survives kill -9 of a holder.
 */
export interface DeviceState {
  /** The newest operation that is known to be committed: its counter and id. */
  readonly counter: number
  readonly prevOp: Uint8Array
  /** An operation that was signed and sent but not yet known to be committed: exact bytes, to be sent again as they are. */
  readonly pending?: PendingOperation | undefined
}

export interface PendingOperation {
  readonly counter: number
  readonly body: Uint8Array
  readonly signature: Uint8Array
  readonly changes: readonly Uint8Array[]
}

export interface DeviceStore {
  load(): Promise<DeviceState>
  savePending(pending: PendingOperation): Promise<void>
  /** Records what is committed and forgets the pending operation. */
  saveCommitted(counter: number, prevOp: Uint8Array): Promise<void>
  /** Forgets a pending operation that was refused; its counter will be used again. */
  dropPending(): Promise<void>
  exclusive<T>(section: () => Promise<T>): Promise<T>
}
