'use strict';

SwaggerUIBundle({
  dom_id: '#pages',
  url: '/openapi.json',
  // A link may lead to an operation, but not to another document.
  deepLinking: true,
  queryConfigEnabled: false,
  // A token that was entered is forgotten when the page is left.
  persistAuthorization: false,
  // No other host is told of the document.
  validatorUrl: null,
  displayRequestDuration: true,
  // Schemas are shown with the operations that they belong to; their list is long.
  defaultModelsExpandDepth: 0,
});
