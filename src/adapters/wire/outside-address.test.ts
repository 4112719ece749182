import { describe, expect, it } from 'vitest'
import { isLoopback, isOutside } from './outside-address.ts'

describe('where a household ends', () => {
  it.each([
    '192.0.2.7:80',
    '172.32.0.1:1',
    '100.64.1.1:5',
    '[2001:db8::1]:7',
    '[fe8::1]:7',
    '[::1234]:7',
    '[::ffff:8.8.8.8]:1',
    'example.org:443',
    ':0',
  ])('%s is outside', (address) => expect(isOutside(address)).toBe(true))

  it.each([
    '127.0.0.1:1',
    '10.1.2.3:4',
    '172.16.0.1:1',
    '192.168.178.2:7400',
    '169.254.3.4:5',
    '[::1]:80',
    '[fe80::1%eth0]:7',
    '[fd12::1]:7',
    '[::ffff:192.168.1.1]:1',
    '[::ffff:c0a8:101]:1',
  ])('%s is not', (address) => expect(isOutside(address)).toBe(false))
})

describe('this machine', () => {
  it.each([
    '127.0.0.1',
    '127.1.2.3:7400',
    'localhost',
    'localhost:7400',
    'LocalHost:1',
    '::1',
    '[::1]',
    '[::1]:7400',
    '[0:0:0:0:0:0:0:1]:7400',
    '::ffff:127.0.0.1',
    '[::ffff:127.0.0.1]:7400',
    '[::ffff:7f00:1]:7400',
  ])('%s is', (address) => expect(isLoopback(address)).toBe(true))

  it.each([
    '',
    ':7400',
    '::',
    '[::]:7400',
    '0.0.0.0:1',
    '::1234',
    '[::1234]:7400',
    '::1:2',
    '[::1:2]:7400',
    '[2001:db8::1]:1',
    '::ffff:12.7.0.1',
    '12.7.0.0:1',
    '127.example.org:1',
    'localhost.example.org',
    'relay:127',
  ])('%s is not', (address) => expect(isLoopback(address)).toBe(false))
})
