/** What every operation of the client needs; wired once by a composition root and handed to each operation. */
import type { StripeFinder } from '../ports/stripe-finder.ts'
import type { ClientParts } from './client-parts.ts'
import { AnnouncedStripes } from './discovery/announced-stripes.ts'
import { Reading } from './kept/reading.ts'
import { HeardHeads } from './log/heard-heads.ts'
import { LogClient } from './log/log-client.ts'
import { Providers } from './providers.ts'
import { Tracker } from './tracker.ts'
import { Trees } from './tree/trees.ts'

export interface Client extends Omit<ClientParts, 'tracker'> {
  readonly tracker: Tracker
  /** The log and its map, verified. */
  readonly log: LogClient
  /** What providers say of the log. */
  readonly heard: HeardHeads
  readonly providers: Providers
  /** Finds holders of a stripe without the tracker. */
  readonly finder: StripeFinder
  readonly trees: Trees
  /** What is read, and what is kept of it. */
  readonly reading: Reading
  /** Ends connections and workers; the operations under way fail as unreachable. */
  close(): Promise<void>
}

export function createClient(parts: ClientParts): Client {
  const tracker = new Tracker(parts)
  const log = new LogClient(parts, tracker)
  const heard = new HeardHeads(log)
  const reading = new Reading(parts, parts.cache, tracker, log)
  const providers = new Providers(parts.transport, parts.clock, tracker, (head) => heard.hear(head))
  const client: Client = {
    ...parts,
    tracker,
    log,
    heard,
    providers,
    finder: new AnnouncedStripes({
      primitives: parts.primitives,
      discovery: parts.discovery,
      pool: parts.identity.pool,
      providers: () => providers.ids,
    }),
    reading,
    trees: new Trees(parts, reading),
    async close() {
      await log.versions.save()
      await reading.kept?.places.saveProviders(providers.news())
      await reading.close()
      await tracker.close()
      await heard.idle()
      await providers.close()
      await parts.dataPath.close()
      await parts.transport.close()
    },
  }
  return client
}
