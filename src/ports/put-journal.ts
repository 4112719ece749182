/**
 * What a put needs in order to resume after a crash, per job (sources and target). Hard promises of every adapter:
 * - appended records are kept in order; a torn tail is dropped silently, everything before it is kept. `append` needs no
 *   fsync: losing the tail costs sending again, never correctness.
 * - one process at a time holds a job; a second one gets a ConflictError.
 */
export interface PlannedStripe {
  /** Blob ids by data shard, in order: packing follows the plan, so that the same shards come out. */
  readonly shards: readonly (readonly Uint8Array[])[]
  readonly stripe: Uint8Array
}

export interface JournalJob {
  /** Stripes that were begun and may be partly sent, oldest first. */
  readonly planned: readonly PlannedStripe[]
  /** Local paths whose files were committed by this job, by path, with the fingerprint they had. */
  readonly committed: ReadonlyMap<string, string>
  planStripe(plan: PlannedStripe): void
  /** The stripe is sealed at the tracker and lacks nothing. */
  sealStripe(stripe: Uint8Array): void
  commitFiles(files: readonly { readonly path: string; readonly fingerprint: string }[]): void
  /** The job is done: its records are deleted. */
  finish(): Promise<void>
  /** Ends for now, keeping the records. */
  close(): Promise<void>
}

export interface PutJournal {
  open(job: Uint8Array): Promise<JournalJob>
}
