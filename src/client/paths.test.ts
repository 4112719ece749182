import { expect, test } from 'vitest'
import { UsageError } from '../core/open/errors.ts'
import { joinPath, splitPath } from './paths.ts'

test.each([
  ['/', []],
  ['/home', ['home']],
  ['/home/', ['home']],
  ['//home///a b/', ['home', 'a b']],
  ['/home/-rf', ['home', '-rf']],
])('splits %s', (path, names) => {
  expect(splitPath(path)).toEqual(names)
  expect(splitPath(joinPath(names))).toEqual(names)
})

test.each(['', 'home', 'home/a', '/home/..', '/home/./a', '/home/a\0b', `/home/${'ä'.repeat(128)}`])(
  'refuses %s',
  (path) => {
    expect(() => splitPath(path)).toThrow(UsageError)
  },
)

test('a name may have 255 bytes', () => {
  expect(splitPath(`/home/${'a'.repeat(255)}`)[1]).toHaveLength(255)
})
