import type { HomeClaim } from '../../node/claim-home-name.ts'

/** How far a name is on its way to the ledger; nothing where the pool has none now. */
export function claimLines(claim: HomeClaim): string[] {
  if (claim.state === 'unclaimed') return []
  return claim.state === 'registered'
    ? [`Your name is on the ledger (block ${claim.block}, as the tracker says).`]
    : ['Your name is claimed: the tracker brings it to the ledger, `allmend whoami` tells when it is there.']
}
