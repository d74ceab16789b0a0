import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { GatewayError } from '../../../../gateway/contract/errors.ts'
import { explainFailure } from '../../../../gateway/dataplane/upstream/failure.ts'

const error = (code: string, message = 'why') => Object.assign(new Error(message), { code })

describe('what a failure of a try means', () => {
  const cases: [string, Error, boolean, string, number, string | null][] = [
    ['refused connection', error('ECONNREFUSED'), false, 'connect-failure', 502, 'connect-failure'],
    ['connect time-out', error('UND_ERR_CONNECT_TIMEOUT'), false, 'connect-failure', 504, 'connect-failure'],
    [
      'connect time-out of a tunnel',
      error('ECONNECT_TIMEOUT'),
      false,
      'connect-failure',
      504,
      'connect-failure',
    ],
    ['reset before the answer', error('ECONNRESET'), true, 'reset', 502, 'reset-before-response'],
    ['answer that is not HTTP', error('HPE_INVALID_CONSTANT'), true, 'reset', 502, 'reset-before-response'],
    ['head that does not come', error('UND_ERR_HEADERS_TIMEOUT'), true, 'timeout', 504, null],
    ['body that stops', error('UND_ERR_BODY_TIMEOUT'), true, 'timeout', 504, null],
    ['lack of descriptors of our own', error('EMFILE'), false, 'cancelled', 503, null],
    ['lack of descriptors of the machine', error('ENFILE'), false, 'cancelled', 503, null],
    ['header that cannot be sent', error('UND_ERR_INVALID_ARG'), false, 'cancelled', 500, null],
    ['pool that is closed', error('UND_ERR_CLOSED'), false, 'cancelled', 500, null],
    ['body of another length', error('UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'), true, 'cancelled', 400, null],
    [
      'body over the limit',
      new GatewayError('too large', { code: 'AEGIS_BODY_TOO_LARGE', source: 'downstream', status: 413 }),
      true,
      'cancelled',
      413,
      null,
    ],
  ]
  for (const [title, cause, sent, outcome, status, retry] of cases) {
    test(`${title}: ${outcome}, ${status}`, () => {
      const failure = explainFailure(cause, sent)
      assert.equal(failure.outcome, outcome)
      assert.equal(failure.reply.status, status)
      assert.equal(failure.retry, retry)
    })
  }
  test('the log gets the reason, the client does not', () => {
    const failure = explainFailure(error('ECONNREFUSED', 'connect 10.0.0.1:80'), false)
    assert.equal(failure.detail, 'ECONNREFUSED: connect 10.0.0.1:80')
    assert.doesNotMatch(JSON.stringify(failure.reply), /10\.0\.0\.1/)
  })
})
