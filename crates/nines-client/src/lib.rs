//! A client of the API, in the API's own words.
