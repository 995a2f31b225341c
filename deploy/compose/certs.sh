#!/bin/sh
# Makes the nodes' private authority and a certificate for each role that asks others or is asked; renews what expires
# soon. Each role's volume is given its own and what vouches for the others'. The authority's key stays where it is.
set -eu
umask 077
cd /certs

[ -e authority/ca.pem ] || portico certs init --dir authority
for role in gateway user session photo; do
    [ -e authority/$role.pem ] || portico certs issue --dir authority --role $role --name $role
done
portico certs renew --dir authority

# give FROM TO: whole or not at all, whoever reads it meanwhile.
give() {
    ! cmp -s "$1" "$2" || return 0
    cp "$1" "$2.new"
    mv "$2.new" "$2"
}
for role in gateway user session photo; do
    give authority/ca.pem $role/ca.pem
    give authority/$role.key $role/node.key
    give authority/$role.pem $role/node.pem
done
