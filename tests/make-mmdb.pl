#!/usr/bin/perl
# make-mmdb DIR: writes small databases for the tests. 10.0.0.0/8 is cut into four quarters, in
# this order: Spain (Madrid), France (Paris), Germany (Berlin), Brazil (nobody knows where).
use strict;
use warnings;
use MaxMind::DB::Writer::Tree;

my %types = (
	country => 'map', iso_code => 'utf8_string', country_code => 'utf8_string',
	autonomous_system_number => 'uint32', autonomous_system_organization => 'utf8_string',
	asn => 'utf8_string', as_name => 'utf8_string',
	location => 'map', latitude => 'double', longitude => 'double',
);

sub place {
	my ($code, $latitude, $longitude) = @_;
	return { country => { iso_code => $code },
		location => { latitude => $latitude, longitude => $longitude } };
}

sub holder {
	my ($number, $name) = @_;
	return { autonomous_system_number => $number, autonomous_system_organization => $name };
}

my %databases = (
	'country' => [ 'Test-Country', {
		'10.0.0.0/10' => { country => { iso_code => 'ES' } },
		'10.64.0.0/10' => { country => { iso_code => 'FR' } },
		'10.128.0.0/10' => { country => { iso_code => 'DE' } },
		'10.192.0.0/10' => { country => { iso_code => 'BR' } },
		'2001:db8:1::/48' => { country => { iso_code => 'ES' } },
		'2001:db8:2::/48' => { country => { iso_code => 'FR' } },
	} ],
	'city' => [ 'Test-City', {
		'10.0.0.0/10' => place('ES', 40.4168, -3.7038),
		'10.64.0.0/10' => place('FR', 48.8566, 2.3522),
		'10.128.0.0/10' => place('DE', 52.52, 13.405),
		'10.192.0.0/10' => place('BR', 0.0, 0.0),
	} ],
	'asn' => [ 'Test-ASN', {
		'10.1.0.0/16' => holder(64501, 'Example Carrier'),
		'10.2.0.0/16' => holder(64501, 'Example Carrier'),
		'10.65.0.0/16' => holder(64502, "Evil \e[31mNet"),
	} ],
	'flat' => [ 'ipinfo test_country_asn.mmdb', {
		'10.1.0.0/16' => { country_code => 'PT', asn => 'AS64777', as_name => 'Flat Net' },
		'10.2.0.0/16' => { country_code => 'Portugal', asn => 'none' },
	} ],
);

my $dir = shift @ARGV or die "usage: make-mmdb DIR\n";
for my $name (sort keys %databases) {
	my ($type, $networks) = @{ $databases{$name} };
	my $tree = MaxMind::DB::Writer::Tree->new(
		ip_version => 6, record_size => 24, database_type => $type, languages => ['en'],
		description => { en => 'for tests' }, remove_reserved_networks => 0,
		map_key_type_callback => sub { $types{ $_[0] } },
	);
	$tree->insert_network($_, $networks->{$_}) for sort keys %$networks;
	open my $file, '>:raw', "$dir/$name.mmdb" or die "$dir/$name.mmdb: $!\n";
	$tree->write_tree($file);
	close $file or die "$dir/$name.mmdb: $!\n";
}
