/** Two pages of docs/architecture name the tests that try each attack: they are there, under these names. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { expect, it } from 'vitest'

const root = path.join(import.meta.dirname, '..', '..')
const pageOf = (name: string): string =>
  fs.readFileSync(path.join(root, 'docs', 'architecture', name), 'utf8')

interface Named {
  readonly file: string
  readonly name: string
}

/** "`file`: *name*; *name*" as often as a cell has it. */
function testsIn(cell: string): Named[] {
  return cell.split(/(?=`[^`]+\.test\.ts`)/).flatMap((part) => {
    const file = /^`([^`]+)`/.exec(part)?.[1]
    return file === undefined
      ? []
      : [...part.matchAll(/\*([^*]+)\*/g)].map(([, name]) => ({ file, name: name! }))
  })
}

const rowsOf = (name: string): string[][] =>
  pageOf(name)
    .split('\n')
    .filter((line) => /^\| [\d–]/.test(line))
    .map((line) => line.split(' | '))

const rows = rowsOf('attacks.md')
const network = rowsOf('network-attacks.md')

it.each([...rows, ...network].map((cells) => [cells.slice(0, 2).join(' '), cells.at(-1)!] as const))(
  '%s',
  (_, cell) => {
    const named = testsIn(cell)
    expect(named.length).toBeGreaterThan(0)
    for (const { file, name } of named) {
      const source = fs.readFileSync(path.join(root, file), 'utf8')
      expect(source.includes(`'${name}'`), `${file}: ${name}`).toBe(true)
    }
  },
)

const numbersOf = (rows: readonly string[][]): Set<number> =>
  new Set(rows.flatMap(([first]) => first!.match(/\d+/g) ?? []).map(Number))

it('has a row for each attack on a node', () => {
  expect([...numbersOf(network)].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
})

it('has a row for each attack on the log', () => {
  const numbers = numbersOf(rows)
  expect([4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 34].filter((number) => !numbers.has(number))).toEqual([])
})
