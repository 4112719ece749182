// Installs what the tests of networks need beside npm's packages: `ip` and `nft`, with which they build homes behind routers out of network
// namespaces. On Debian and Ubuntu as root it asks apt-get; elsewhere it says what to install. Without them those tests are skipped.
import { spawnSync } from 'node:child_process'

const TOOLS = [
  { command: 'ip', package: 'iproute2' },
  { command: 'nft', package: 'nftables' },
] as const

/** A machine without a way to its mirror finds out in minutes else. */
const APT = [
  '-o',
  'Acquire::Retries=1',
  '-o',
  'Acquire::http::Timeout=20',
  '-o',
  'Acquire::https::Timeout=20',
]
const APT_MS = 180_000

function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

function missing(): (typeof TOOLS)[number][] {
  return TOOLS.filter(({ command }) => !works(command, '-V'))
}

function apt(...args: string[]): boolean {
  console.log(`apt-get ${args.join(' ')}`)
  const { status } = spawnSync('apt-get', [...APT, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: APT_MS,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  return status === 0
}

const packages = missing().map((tool) => tool.package)
if (
  packages.length > 0 &&
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  works('apt-get', '-v')
) {
  const install = ['install', '-y', '--no-install-recommends', ...packages]
  // A fresh image has no lists of packages.
  if (!apt(...install) && apt('update')) apt(...install)
}

const left = missing()
if (left.length === 0) console.log('ip and nft are there: the tests of networks run where they run as root.')
else {
  const what = left.map((tool) => `${tool.command} (package ${tool.package})`).join(' and ')
  const where = process.platform === 'linux' ? 'Install them as root' : 'They are for Linux alone'
  process.stderr.write(`Missing: ${what}. ${where}; until then the tests of networks are skipped.\n`)
  process.exitCode = 1
}
