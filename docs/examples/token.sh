#!/bin/sh
# Gets an access token for a partner system with openssl and curl alone, and prints it.
#
#   token.sh URL CLIENT_ID KEY_FILE KEY_ID [PERSON ROLE]
#
# KEY_FILE is the system's RSA key (PEM). With PERSON and ROLE the system acts for that person, as it must to ask about a child.
set -eu
url=$1 client=$2 key_file=$3 key_id=$4 person=${5:-} role=${6:-}
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
now=$(date +%s)
acting=
if [ -n "$person" ]; then
  acting=",\"acting_person\":{\"id\":\"$person\",\"role\":\"$role\"}"
fi
header=$(printf '{"alg":"RS384","typ":"JWT","kid":"%s"}' "$key_id" | base64url)
claims=$(printf '{"iss":"%s","sub":"%s","aud":"%s/oauth2/token","iat":%s,"exp":%s,"jti":"%s"%s}' \
  "$client" "$client" "$url" "$now" "$((now + 240))" "$(openssl rand -hex 16)" "$acting" | base64url)
signature=$(printf '%s.%s' "$header" "$claims" | openssl dgst -sha384 -sign "$key_file" -binary | base64url)
curl -sS --fail-with-body "$url/oauth2/token" \
  -d grant_type=client_credentials \
  -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
  -d "client_assertion=$header.$claims.$signature" | sed 's/.*"access_token":"\([^"]*\)".*/\1/'
