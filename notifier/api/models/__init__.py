"""Models of requests (`requests_*`) and answers (`responses_*`), which produce the JSON and the OpenAPI document.

An answer is validated from the attributes of a value of `oncall/`: `IncidentList.model_validate(listing)`. A field with
another name there has an alias.
"""
