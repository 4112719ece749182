import { RIGHT } from './change.ts'

/** Rights with those that they contain: write and share contain download, download contains read. */
export function effectiveRights(rights: number): number {
  const opens = (rights & (RIGHT.write | RIGHT.share)) === 0 ? rights : rights | RIGHT.download
  return (opens & RIGHT.download) === 0 ? opens : opens | RIGHT.read
}

export function hasRight(rights: number, right: number): boolean {
  return (effectiveRights(rights) & right) === right
}
