/** For whoever joins by a key alone, or where the tracker itself can't be reached. */
export const BOOTSTRAP = [
  '--bootstrap <host:port...>',
  'nodes of the pool that can be reached over UDP from here, where the token names none; remembered',
] as const
