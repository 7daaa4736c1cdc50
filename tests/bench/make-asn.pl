#!/usr/bin/perl
# make-asn.pl RANGES OUT: an ASN database in MaxMind's format from `simulate --mmdb-ranges`, which
# writes FIRST,LAST,COUNTRY,ASN,NAME a line.
use strict;
use warnings;

use MaxMind::DB::Writer::Tree;

die "usage: make-asn.pl RANGES OUT\n" if @ARGV != 2;
my ( $ranges, $out ) = @ARGV;

my %types = (
    autonomous_system_number       => 'uint32',
    autonomous_system_organization => 'utf8_string',
);
my $tree = MaxMind::DB::Writer::Tree->new(
    ip_version               => 6,
    record_size              => 24,
    database_type            => 'Simulated-ASN',
    languages                => ['en'],
    description              => { en => 'the providers of a simulation' },
    map_key_type_callback    => sub { $types{ $_[0] } },
    remove_reserved_networks => 0,
);

open my $in, '<', $ranges or die "$ranges: $!\n";
while ( my $line = <$in> ) {
    chomp $line;
    my ( $first, $last, undef, $asn, $name ) = split /,/, $line;
    $tree->insert_range( $first, $last,
        { autonomous_system_number => $asn, autonomous_system_organization => $name } );
}
close $in;

open my $fh, '>:raw', $out or die "$out: $!\n";
$tree->write_tree($fh);
close $fh or die "$out: $!\n";
