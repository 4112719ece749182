/** A process with a TLS listener: `node tls-victim.fixture.ts [<connections>]`, forked. */
import { serveAsVictim } from '../wire/victim.fixture.ts'
import { createTlsTransport } from './tls-transport.ts'

const most = process.argv[2]
await serveAsVictim(
  await createTlsTransport({
    seed: new Uint8Array(32).fill(77),
    onFault: () => {},
    ...(most === undefined ? {} : { limits: { connections: Number(most) } }),
  }),
)
