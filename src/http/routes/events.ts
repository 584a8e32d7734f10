import type { EventFeeds } from '../events/event-feeds.js';
import type { Route } from '../route.js';
import { executionIdOf } from './identifiers.js';

export interface EventRoutesOptions {
  readonly feeds: EventFeeds;
}

export function eventRoutes({ feeds }: EventRoutesOptions): Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/v1/workflow/{execution_id}/events',
      access: 'read',
      async handle({ request, params }) {
        const id = executionIdOf(params[0]);
        return feeds.open(id, request, request.header('last-event-id'));
      },
    },
  ];
}
