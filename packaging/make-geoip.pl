#!/usr/bin/perl
# make-geoip.pl IPV4_CSV IPV6_CSV OUT: a country database in MaxMind's format from Tor's lists.
#
# Tor's lists (Debian: tor-geoipdb) hold FIRST,LAST,COUNTRY a line: IPv4 addresses as numbers,
# IPv6 ones as text, "??" where the country is unknown. The database is written beside OUT and
# renamed: whoever reads OUT meanwhile sees a whole file.
use strict;
use warnings;

use MaxMind::DB::Writer::Tree;

die "usage: make-geoip.pl IPV4_CSV IPV6_CSV OUT\n" if @ARGV != 3;
my ( $ipv4, $ipv6, $out ) = @ARGV;

my $tree = MaxMind::DB::Writer::Tree->new(
    ip_version            => 6,
    record_size           => 24,
    database_type         => 'postern-Country',
    languages             => ['en'],
    description           => {
        en => 'IP to country, from the IPFire Location database (https://location.ipfire.org/), '
            . 'CC BY-SA 4.0, as converted by the Tor Project',
    },
    map_key_type_callback    => sub { $_[0] eq 'country' ? 'map' : 'utf8_string' },
    remove_reserved_networks => 0,
);

sub dotted { join '.', unpack 'C4', pack 'N', $_[0] }

my $ranges = 0;

sub add {
    my ( $first, $last, $country ) = @_;
    return if $country =~ /^(?:\?\?|AP|EU)$/;    # AP and EU: regions, not countries
    $tree->insert_range( $first, $last, { country => { iso_code => $country } } );
    $ranges++;
}

sub read_list {
    my ( $path, $address, $text ) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    while ( my $line = <$in> ) {
        next if $line =~ /^\s*(?:#|$)/;
        my ( $first, $last, $country ) = $line =~ /^($address),($address),([A-Z]{2}|\?\?)\s*$/
            or die "$path:$.: expected FIRST,LAST,COUNTRY\n";
        add( $text->($first), $text->($last), $country );
    }
    close $in or die "$path: $!\n";
}

read_list( $ipv4, qr/\d{1,10}/,         \&dotted );
read_list( $ipv6, qr/[0-9a-f:.]{2,45}/, sub { $_[0] } );

open my $fh, '>:raw', "$out.new" or die "$out.new: $!\n";
$tree->write_tree($fh);
close $fh or die "$out.new: $!\n";
rename "$out.new", $out or die "$out: $!\n";
printf "%s: %d ranges, %.1f MB\n", $out, $ranges, ( -s $out ) / 1e6;
