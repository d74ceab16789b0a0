import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deny } from '../../../gateway/contract/reply.ts'
import { encodeMessage, pushGrpcRefusal, toGrpcStatus, toGrpcType } from '../../../gateway/dataplane/grpc.ts'

describe('a refusal in gRPC', () => {
  const types: [string | undefined, string | null][] = [
    ['application/grpc', 'application/grpc'],
    ['application/grpc+proto', 'application/grpc+proto'],
    ['Application/gRPC; charset=utf-8', 'application/grpc'],
    ['application/grpc-web+proto', 'application/grpc-web+proto'],
    ['application/grpc-web-text', 'application/grpc-web-text'],
    ['application/grpcx', null],
    ['application/grpc+', null],
    ['application/grpc+a\u{1}b', null],
    [`application/grpc+${'a'.repeat(33)}`, null],
    ['xapplication/grpc', null],
    ['application/json', null],
    ['', null],
    [undefined, null],
  ]
  for (const [said, type] of types) {
    test(`answers Content-Type ${said} with ${type}`, () => assert.equal(toGrpcType(said), type))
  }

  const statuses: [number, number][] = [
    [400, 13],
    [401, 16],
    [403, 7],
    [404, 12],
    [405, 12],
    [408, 4],
    [413, 8],
    [429, 8],
    [499, 1],
    [500, 13],
    [501, 12],
    [502, 14],
    [503, 14],
    [504, 4],
    [418, 2],
  ]
  for (const [status, code] of statuses) {
    test(`says ${code} for ${status}`, () => assert.equal(toGrpcStatus(status), code))
  }

  test('says its reason in ASCII, whatever is in it', () => {
    assert.equal(encodeMessage('100% \n\u{0} é \u{1f600}~ '), '100%25 %0A%00 %C3%A9 %F0%9F%98%80~ ')
    const headers: string[] = []
    pushGrpcRefusal(headers, deny(403, 'AEGIS_FORBIDDEN', 'Not yours.\r\n'), 'application/grpc')
    assert.deepEqual(headers, [
      'content-type',
      'application/grpc',
      'grpc-status',
      '7',
      'grpc-message',
      'Not yours.%0D%0A (AEGIS_FORBIDDEN)',
    ])
  })
})
