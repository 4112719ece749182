import { ledgerConformance } from '../../ports/ledger.conformance.ts'
import { nodePrimitives } from '../native/node-primitives.ts'
import { createMemoryLedger } from './memory-ledger.ts'

ledgerConformance('the ledger in memory', async () => ({
  ...createMemoryLedger({ primitives: nodePrimitives, ramp: 1_000 }),
  cleanUp: async () => {},
}))
