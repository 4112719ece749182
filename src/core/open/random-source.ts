/** Secure random bytes as an argument: the shape of the Random port, for core, which knows no ports. */
export interface RandomSource {
  bytes(length: number): Uint8Array
}
