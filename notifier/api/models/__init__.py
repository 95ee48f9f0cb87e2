"""Models of requests (`requests_*`) and of answers (`responses_*`): they make the JSON and the OpenAPI document.

An answer is read off the value that oncall hands on: `IncidentList.model_validate(listing)`. A field that is called
otherwise there says where it is found.
"""
