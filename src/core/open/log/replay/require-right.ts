/** Rule 2 and 3: the chain of grants that an operation names gives its author this right on this node, at this entry. */
import { equalBytes } from '../../bytes.ts'
import { DeniedError } from '../../errors.ts'
import { RIGHT } from '../../objects/change.ts'
import type { Operation } from '../../objects/operation.ts'
import { effectiveRights, hasRight } from '../../objects/rights.ts'
import type { GrantState } from './rows.ts'
import type { SpaceDraft } from './space-draft.ts'

/**
 * The author's own grant, whose chain holds: each link unexpired, issued upon the next with `share` and no more rights, at or
 * above the node of the one before, the last by nobody, which is a creator's. An empty `via` is the chain of that one alone.
 * Throws DeniedError.
 */
export function grantOf(
  draft: SpaceDraft,
  { member, via }: Pick<Operation, 'member' | 'via'>,
  seconds: number,
): GrantState {
  const { grants } = draft
  const isAuthors = (grant: GrantState) => equalBytes(grant.grantee, member)
  const isLive = ({ notAfter }: GrantState) => notAfter === undefined || notAfter >= seconds
  if (via.length === 0) {
    const own = grants.find((grant) => isAuthors(grant) && grant.via === undefined && isLive(grant))
    return own ?? denied(draft)
  }
  const chain = via.map((id) => grants.find((grant) => equalBytes(grant.id, id)) ?? denied(draft))
  for (const [i, grant] of chain.entries()) {
    const issuer = chain[i + 1]
    const isLink =
      issuer === undefined
        ? grant.via === undefined
        : grant.via !== undefined &&
          equalBytes(grant.via, issuer.id) &&
          hasRight(issuer.rights, RIGHT.share) &&
          (effectiveRights(grant.rights) & ~effectiveRights(issuer.rights)) === 0 &&
          draft.isWithin(grant.node, issuer.node)
    if (!isLink || !isLive(grant)) denied(draft)
  }
  const own = chain[0]!
  return isAuthors(own) ? own : denied(draft)
}

/** Throws DeniedError unless the grant gives any of these rights, and covers the node. */
export function requireRight(
  draft: SpaceDraft,
  grant: GrantState,
  node: Uint8Array,
  ...rights: readonly number[]
): void {
  const covers = draft.isRoot(grant.node) || draft.isWithin(node, grant.node)
  if (!covers || !rights.some((right) => hasRight(grant.rights, right))) denied(draft)
}

function denied(draft: SpaceDraft): never {
  throw new DeniedError('this member lacks the right to do this in this space', { space: draft.space })
}
