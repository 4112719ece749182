import { CancelledError } from '../../core/open/errors.ts'
import type { ByteBudget } from '../../core/open/byte-budget.ts'

/** Shards that a provider verifies and stores at once, bytes: a group commit's worth; bounds the store's own buffers. */
export const INTAKE_BYTES = 16 * 1024 * 1024

/** Runs `work` when `bytes` of the intake are free, in the order of asking; throws CancelledError when the caller left before. */
export async function withIntake<T>(
  state: { readonly intake: ByteBudget },
  bytes: number,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const reservation = state.intake.reserve(bytes, resolve)
  const leave = (): void => resolve()
  signal.addEventListener('abort', leave, { once: true })
  try {
    await promise
    if (signal.aborted) throw new CancelledError('the caller gave up before the shard was stored')
    return await work()
  } finally {
    signal.removeEventListener('abort', leave)
    reservation.release()
  }
}
