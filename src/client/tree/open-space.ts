import { equalBytes } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { CHANGE_KIND, changeCodec, checkChange, RIGHT } from '../../core/open/objects/change.ts'
import { changesRoot, spaceIdOf } from '../../core/open/objects/operation.ts'
import { ZERO_ID } from '../../core/open/objects/suite.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { SpaceView } from '../../core/open/protocol/tracker-methods.ts'
import { openGrant } from '../../core/secret/grant.ts'
import type { Identity } from '../client-parts.ts'
import type { Space } from './space.ts'
import type { NodeVerifier } from './verified-changes.ts'

/**
 * Opens a space that the tracker says is ours: checks that its id is the hash of its genesis operation, that this member
 * signed it, and opens the keys of the first grant. Throws UntrustedError for anything else.
 */
export async function openSpace(
  primitives: Primitives,
  identity: Identity,
  verifier: NodeVerifier,
  view: SpaceView,
): Promise<Space> {
  const [genesis] = view.genesis.signed
  if (!equalBytes(spaceIdOf(primitives, genesis), view.space))
    throw new UntrustedError("a space's id is not the hash of its genesis operation")
  const operation = await verifier.operation(view.genesis, identity.member)
  if (!equalBytes(operation.space, ZERO_ID))
    throw new UntrustedError('a genesis operation names a space already')
  if (!equalBytes(changesRoot(primitives, view.changes), operation.root))
    throw new UntrustedError("a genesis operation's changes are not those that were signed")
  const first = view.changes[0]
  if (first === undefined) throw new UntrustedError('a genesis operation without changes')
  const root = changeCodec.decode(first)
  checkChange(root)
  const { grant } = root
  if (
    root.kind !== CHANGE_KIND.create ||
    grant === undefined ||
    !equalBytes(root.node, view.root) ||
    !equalBytes(grant.node, root.node) ||
    grant.gen !== root.gen ||
    !equalBytes(grant.grantee, identity.member) ||
    (grant.rights & RIGHT.admin) === 0
  )
    throw new UntrustedError('a genesis operation that does not create a root and grant it to its author')
  const secret = identity.enc.get(grant.encGen)?.secretKey
  if (secret === undefined)
    throw new UntrustedError("a grant is for an encryption key that this device doesn't hold", {
      generation: grant.encGen,
    })
  const { keys, dedup } = await openGrant(
    primitives,
    { pool: identity.pool, space: ZERO_ID, issuer: identity.member },
    grant,
    secret,
  )
  if (keys.ck === undefined || dedup === undefined)
    throw new UntrustedError('the grant of a space to its creator lacks keys')
  return {
    id: view.space,
    genesis,
    owner: identity.member,
    epoch: view.epoch,
    root: root.node,
    rootGen: root.gen,
    rootKeys: { mk: keys.mk, ck: keys.ck },
    dedup: { domain: view.space, epoch: dedup.epoch, secret: dedup.secret },
  }
}
