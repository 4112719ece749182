/**
 * Who may hold a stripe's shards, where the tracker doesn't tell. Hard promises of every adapter:
 * - candidates are ids of admitted providers, each named once, the likeliest first; after those that say so come all other known ones,
 *   so that nobody who lies or hides what others say keeps a reader from an honest holder that can be reached.
 * - the search goes on only while the reader asks for more.
 */
export interface StripeFinder {
  /** Candidates for a stripe id (32 bytes). Throws CancelledError. */
  find(stripe: Uint8Array, signal?: AbortSignal): AsyncIterable<Uint8Array>
  /** What came of asking a candidate: who disappoints is named later from then on. */
  judge(provider: Uint8Array, held: boolean): void
}
