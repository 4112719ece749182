/** Documents lead to what is there: files, headings, the code that they name, and every page from its folder's index. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { describe, expect, test } from 'vitest'

const root = path.join(import.meta.dirname, '..', '..')
const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((name) => name !== '' && fs.existsSync(path.join(root, name)))

const read = (name: string): string => fs.readFileSync(path.join(root, name), 'utf8')

/** Targets of the links in a document, code aside. */
function links(name: string): string[] {
  const text = read(name).replaceAll(/```[\s\S]*?```/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((found) => found[1]!)
}

/** What a heading is called in a link, as GitHub makes it. */
function anchor(heading: string): string {
  const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase()
  return text
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-')
}

function anchors(name: string): string[] {
  const headings = read(name).matchAll(/^#+ +(.*)$/gm)
  return [...headings].map((found) => anchor(found[1]!))
}

/** Files and folders of ours that a document names as code, `a/{b,c}.ts` as two. */
function codePaths(name: string): string[] {
  const named = read(name).matchAll(/`((?:src|test|scripts|bench|vectors|contracts|docs|bin)\/[\w./{},-]+)`/g)
  return [...named].flatMap(([, code = '']) => {
    const [before, group, after] = code.split(/[{}]/)
    return group === undefined ? [code] : group.split(',').map((one) => `${before}${one}${after}`)
  })
}

/** What these say was so when it was written. */
const isHistory = (name: string): boolean => name === 'CHANGELOG.md' || name.startsWith('docs/decisions/')

describe('links in documents', () => {
  test.each(documents)('of %s lead somewhere', (name) => {
    const dead = links(name).filter((link) => {
      if (/^[a-z]+:/.test(link)) return false
      const [file = '', heading] = link.split('#')
      const target = file === '' ? name : path.join(path.dirname(name), file)
      if (!fs.existsSync(path.join(root, target))) return true
      return heading !== undefined && target.endsWith('.md') && !anchors(target).includes(heading)
    })
    expect(dead).toEqual([])
  })

  test.each(documents.filter((name) => !isHistory(name)))('of %s to code lead somewhere', (name) => {
    expect(codePaths(name).filter((code) => !fs.existsSync(path.join(root, code)))).toEqual([])
  })

  test.each(['docs/spec', 'docs/decisions', 'docs/operating'])(
    '%s has each of its pages in its index',
    (folder) => {
      const pages = documents.filter(
        (name) => path.dirname(name) === folder && path.basename(name) !== 'README.md',
      )
      const listed = new Set(links(`${folder}/README.md`).map((link) => link.split('#')[0]))
      expect(pages.map((name) => path.basename(name)).filter((name) => !listed.has(name))).toEqual([])
    },
  )
})
