import type { Client } from '../../../client/client.ts'

/** For documents: as of when they are, where the tracker was away and something kept was shown. */
export function asOf({ reading: { time } }: Client): { readonly asOf?: string } {
  return time === undefined ? {} : { asOf: new Date(time.asOf * 1_000).toISOString() }
}
