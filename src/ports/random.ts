/** Cryptographically secure random bytes; seeded in tests and in the simulator. */
export interface Random {
  bytes(length: number): Uint8Array
}
