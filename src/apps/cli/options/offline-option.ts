import { OFFLINE_AFTER_MS } from '../../../core/open/objects/offline-ticket.ts'
import { countingNumber } from './whole-number.ts'

/** For commands that start providers: shorter waits let who lost a right read that much sooner without the tracker. */
export const OFFLINE_AFTER = [
  '--offline-after <seconds>',
  `serve offline tickets after so long without the tracker; by default ${OFFLINE_AFTER_MS / 1_000}`,
  countingNumber,
] as const
