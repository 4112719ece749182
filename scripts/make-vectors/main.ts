/** Writes the vectors of the formats of keys, objects and blobs: `node scripts/make-vectors/main.ts`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { blobVectors } from './blob.ts'
import { boxVectors } from './box.ts'
import { identityVectors } from './identity.ts'
import { keyTreeVectors } from './key-tree.ts'
import { keystoreVectors } from './keystore.ts'
import { checkpointVectors } from './checkpoint.ts'
import { logVectors } from './log.ts'
import { manifestVectors } from './manifest.ts'
import { mapVectors } from './map.ts'
import { metadataVectors } from './metadata.ts'
import { operationVectors } from './operation.ts'
import { phraseVectors } from './phrase.ts'
import { witnessVectors } from './witness.ts'

const folder = join(import.meta.dirname, '..', '..', 'vectors')
const all = {
  phrase: phraseVectors,
  box: boxVectors,
  'key-tree': keyTreeVectors,
  metadata: metadataVectors,
  manifest: manifestVectors,
  blob: blobVectors,
  keystore: keystoreVectors,
  operation: operationVectors,
  identity: identityVectors,
  log: logVectors,
  map: mapVectors,
  checkpoint: checkpointVectors,
  witness: witnessVectors,
}
for (const [name, make] of Object.entries(all))
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(make(), null, 2)}\n`)
